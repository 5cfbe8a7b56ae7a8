// Validates custom resources against the schemas of their projects, as @kubernetes-models packs them: constraints when
// this runs, unknown fields when TypeScript checks what `literals` wrote. What a cluster checks by CEL rules, it cannot.
import { readFileSync, writeFileSync } from "node:fs";

const packages = {
  "gateway.networking.k8s.io": "gateway-api",
  "monitoring.coreos.com": "prometheus-operator",
  "external-secrets.io": "external-secrets",
};
const module = ({ apiVersion, kind }) =>
  `@kubernetes-models/${packages[apiVersion.split("/")[0]]}/${apiVersion}/${kind}`;

const [task, file] = process.argv.slice(2);
const objects = JSON.parse(readFileSync(file, "utf8"));
if (task === "literals") {
  const lines = objects.map((each, i) => [
    `import type { I${each.kind} as T${i} } from ${JSON.stringify(module(each))};`,
    `export const o${i}: T${i} = ${JSON.stringify(each, null, 2)};`,
  ]);
  writeFileSync("check.ts", lines.flat().join("\n"));
} else {
  for (const each of objects) {
    const model = (await import(module(each)))[each.kind];
    new model(each).validate();
  }
}
