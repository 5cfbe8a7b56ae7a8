#!/bin/sh
# Deploys to AWS Lambda: migrates the database, then replaces the function that answers requests.
#
#   deploy.sh STACK s3://BUCKET [PARAMETER=VALUE ...]                  the archive in build/
#   deploy.sh STACK s3://BUCKET/KEY.zip [PARAMETER=VALUE ...]          an earlier archive
#   deploy.sh STACK ECR-IMAGE [PARAMETER=VALUE ...]                    an image
#
# Parameters are those of template.yaml; the ones not given keep their values.
set -eu
cd "$(dirname "$0")"
if [ $# -lt 2 ]; then
    sed -n 's/^# \{0,1\}//; 2,8p' "$0" >&2
    exit 2
fi
stack=$1 code=$2
shift 2

case $code in
s3://*.zip) ;;
s3://*)
    code=${code%/}/$stack/$(sha256sum ../../build/service.zip | cut -c 1-64).zip
    aws s3 cp --only-show-errors ../../build/service.zip "$code"
    echo "The archive is $code"
    ;;
esac
bucket='' key='' image=''
case $code in
s3://*) bucket=${code#s3://} key=${bucket#*/} bucket=${bucket%%/*} ;;
*) image=$code ;;
esac

deploy() { # FUNCTION STACK [PARAMETER=VALUE ...]
    function=$1 name=$2
    shift 2
    aws cloudformation deploy --stack-name "$name" --template-file template.yaml \
        --capabilities CAPABILITY_IAM --no-fail-on-empty-changeset \
        --parameter-overrides "Function=$function" "Bucket=$bucket" "Key=$key" "Image=$image" "$@"
}

deploy migrate "$stack-migrate" "$@"
answer=$(mktemp)
trap 'rm -f "$answer"' EXIT
# No retries: a slow migration must not start a second time.
failure=$(AWS_MAX_ATTEMPTS=1 aws lambda invoke --function-name "$stack-migrate" --cli-read-timeout 900 \
    --cli-binary-format raw-in-base64-out --payload '{"upgrade": "head"}' \
    --query FunctionError --output text "$answer")
if [ "$failure" != None ]; then
    cat "$answer" >&2
    echo "The migration failed. The service is as before. The reason: aws logs tail /aws/lambda/$stack-migrate" >&2
    exit 1
fi

deploy web "$stack" "$@"
url=$(aws cloudformation describe-stacks --stack-name "$stack" --output text \
    --query "Stacks[0].Outputs[?OutputKey=='Url'].OutputValue")
if ! curl --fail --silent --show-error --output /dev/null --max-time 30 --retry 3 "$url/health/ready"; then
    echo "$url is deployed, but not ready. To roll back, deploy an earlier archive or image." >&2
    exit 1
fi
echo "$url is ready"
