// An OpenID Connect provider on this machine: node identity.mjs PORT AUDIENCE REDIRECT_URI
import { Provider } from "oidc-provider";

const [port, audience, redirect] = process.argv.slice(2);
const provider = new Provider(`http://localhost:${port}`, {
  clients: [
    {
      client_id: "job",
      client_secret: "not-a-secret",
      grant_types: ["client_credentials"],
      redirect_uris: [],
      response_types: [],
    },
    { client_id: "page", token_endpoint_auth_method: "none", redirect_uris: [redirect] },
  ],
  scopes: ["openid", "items:write"],
  clientBasedCORS: () => true,
  features: {
    clientCredentials: { enabled: true },
    resourceIndicators: {
      enabled: true,
      defaultResource: () => audience,
      useGrantedResource: () => true,
      getResourceServerInfo: (_, resource) => ({
        scope: resource === audience ? "items:write" : "",
        audience: resource,
        accessTokenFormat: "jwt",
        jwt: { sign: { alg: "RS256" } },
      }),
    },
  },
});
provider.listen(Number(port), "127.0.0.1");
