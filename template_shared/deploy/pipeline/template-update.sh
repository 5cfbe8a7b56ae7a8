#!/bin/sh
set -eu

usage() {
    cat <<'END'
Usage: template-update.sh github|gitlab

Runs `copier update` on the branch template-update and proposes the result: as a pull request, or a merge request. Where
the update met changes of yours, the proposal is a draft, and its title and text say so and name the files. Does
nothing where the template has nothing new, or where somebody has added commits to the branch.

Needs a complete clone of the default branch with nothing uncommitted, and in the environment:

  TEMPLATE_UPDATE_TOKEN   a token that may push to this repository, and read the template's
  SERVER_URL              the server that the token is for, as https://github.com
END
}

case ${1-} in
-h | --help) usage && exit ;;
github | gitlab) platform=$1 ;;
*) usage >&2 && exit 2 ;;
esac
branch=template-update
bot=template-update@localhost
: "${SERVER_URL:?}"
fail() {
    echo "template-update.sh: $*" >&2
    exit 1
}
[ -n "${TEMPLATE_UPDATE_TOKEN-}" ] || fail "set the secret TEMPLATE_UPDATE_TOKEN; docs/pipeline.md says how."
source=$(sed -n 's/^_src_path: *//p' .copier-answers.yml)
case $source in
/*) [ -e "$source" ] || fail "there is no $source here: _src_path in .copier-answers.yml must be a git URL." ;;
*) ;;
esac

# Git asks for the token when that server wants one, and nobody else gets it: it is in no URL and no file.
export GIT_TERMINAL_PROMPT=0 GIT_CONFIG_COUNT=5
export GIT_CONFIG_KEY_0="credential.$SERVER_URL.helper"
# shellcheck disable=SC2016 # git's shell fills it in
export GIT_CONFIG_VALUE_0='!f() { echo username=oauth2; echo "password=$TEMPLATE_UPDATE_TOKEN"; }; f'
export GIT_CONFIG_KEY_1=user.name GIT_CONFIG_VALUE_1="Template update"
export GIT_CONFIG_KEY_2=user.email GIT_CONFIG_VALUE_2="$bot"
# A template on that server may be recorded with its address for SSH, for which there is no key here.
host=${SERVER_URL#*://} && host=${host%%[:/]*}
export GIT_CONFIG_KEY_3="url.$SERVER_URL/.insteadOf" GIT_CONFIG_VALUE_3="git@$host:"
export GIT_CONFIG_KEY_4="url.$SERVER_URL/.insteadOf" GIT_CONFIG_VALUE_4="ssh://git@$host/"

base=$(git rev-parse HEAD)
target=${DEFAULT_BRANCH:-main}
proposed=$(git ls-remote origin "refs/heads/$branch" | cut -f1)
if [ -n "$proposed" ]; then
    git fetch --quiet origin "$proposed"
    if git log --format=%ce "$base..$proposed" | grep -qvxF "$bot"; then
        echo "Somebody works on $branch. Merge it, or delete it, and the next update follows."
        exit
    fi
fi

git switch --quiet --force-create "$branch" "$base"
uvx --exclude-newer "7 days" --from copier==9.19.1 copier update --defaults --quiet
conflicts=$(git diff --name-only --diff-filter=U)
git add --all
if git diff --cached --quiet -- . ':!.copier-answers.yml'; then
    echo "The template has nothing new."
    exit
fi

title="Update from the template"
text="What the template's improvements change here, by copier update."
draft=
if [ -n "$conflicts" ]; then
    title="Update from the template, with conflicts"
    text="Both the template and you have changed the same lines of: $(echo "$conflicts" | paste -sd, - | sed 's/,/, /g'). \
Each place is marked in the file: check out $branch, decide, and push; docs/pipeline.md says how."
    draft=yes
fi
case ",$(echo "$conflicts" | paste -sd, -)," in
*,pyproject.toml,*) ;; # nobody could read it
*)
    # Building a package to look at it would run its code: without the token, then.
    env -u TEMPLATE_UPDATE_TOKEN uv lock --quiet
    git add uv.lock
    ;;
esac
git commit --quiet --message "$title" --message "$text"
if [ -n "$proposed" ] && git diff --quiet "$proposed" HEAD; then
    echo "It is proposed already."
    exit
fi

propose_on_github() {
    git push --quiet --force-with-lease="$branch:$proposed" origin "$branch"
    export GH_TOKEN="$TEMPLATE_UPDATE_TOKEN"
    # A fork may have a branch of this name as well.
    number=$(gh pr list --head "$branch" --base "$target" --state open --json number,isCrossRepository \
        --jq '.[] | select(.isCrossRepository | not) | .number')
    if [ -n "$number" ]; then
        gh pr edit "$number" --title "$title" --body "$text"
    else
        set -- gh pr create --head "$branch" --base "$target" --title "$title" --body "$text"
        # Not every plan has drafts. The title tells, and the check fails, in any case.
        if [ -z "$draft" ] || ! "$@" --draft; then "$@"; fi
    fi
}

propose_on_gitlab() {
    git push --quiet --force-with-lease="$branch:$proposed" --push-option merge_request.create --push-option "merge_request.target=$target" \
        --push-option "merge_request.title=${draft:+Draft: }$title" \
        --push-option "merge_request.description=$text" origin "$branch"
}

"propose_on_$platform"
echo "$title: proposed.${conflicts:+ Conflicts in:}"
[ -z "$conflicts" ] || echo "$conflicts"
