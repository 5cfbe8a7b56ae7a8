# Static and uploaded files, for deploy.sh, backup.sh and restore.sh.
# shellcheck shell=bash

# A restore puts the new files into .restored and moves the old ones to .replacing, which is renamed to .replaced once it is
# complete. The database is exchanged before the files and put back after them. Each step may be interrupted.
in_media() {
    "${@:2}" docker compose run --rm --no-deps -T migrate sh -euc "cd /srv/media
        current() { find . -mindepth 1 -maxdepth 1 ! -name .restored ! -name .replacing ! -name .replaced \"\$@\"; }
        $1"
}
exchange_media='mkdir .replacing; current -exec mv -t .replacing {} +
    mv .replacing .replaced # complete
    find .restored -mindepth 1 -maxdepth 1 -exec mv -t . {} +'
put_back_media='[ ! -d .replaced ] || { current -exec rm -rf {} + && mv .replaced .replacing; }
    [ ! -d .replacing ] || find .replacing -mindepth 1 -maxdepth 1 -exec mv -t . {} +'
archive_media='tar --exclude=./.restored --exclude=./.replac* --create . || [ $? = 1 ]' # 1: a file changed meanwhile
# A busy engine can lose a container's output, hence the second attempt in `backup`.
archive() { in_media "$archive_media" >"$1" && tar --list --file="$1" >/dev/null; }
files() {
    case $1 in
    deploy) docker compose run --rm --no-deps -T static ;;
    backup) archive "$2/media.tar" || archive "$2/media.tar" ;;
    check) in_media '[ ! -e .replacing ]; [ ! -e .replaced ]' ;;
    restore) in_media 'rm -rf .restored; mkdir .restored; tar --directory=.restored --extract' <"$2/media.tar" ;;
    exchange) in_media "$exchange_media" whole ;;
    put_back) in_media "$put_back_media" whole ;;
    clear) in_media 'rm -rf .restored .replacing .replaced' whole ;;
    esac
}
