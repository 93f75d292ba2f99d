# A daemon that is killed again and again under load. Run as root:
#   block-device-kill-script.sh KIND KILLS RESTARTS
# KIND is what --export takes. Afterwards it is replaced in order RESTARTS times. The last line says what was done.
set -euo pipefail
kind=$1 kills=$2 restarts=$3
here=$(dirname "$(readlink -f "$0")")
work=$(mktemp -d "${WORK:-/dev/shm}/kills.XXXX")
mkdir "$work/mnt" "$work/run"
export TSCRYPT_RUNTIME_DIR=$work/run
printf 'correct horse battery staple' >"$work/key"
tscrypt() { node "$here/../../bin/tscrypt.js" "$@"; }
die() {
  echo "$*" >&2
  ls -lR "$work/run" >&2
  for process in /proc/[0-9]*; do
    echo "${process#/proc/} $(cat "$process/comm") $(awk '/^State/ { print $2 }' "$process/status") $(cat "$process/wchan")"
  done 2>/dev/null | grep -E 'tsc|node|fio' >&2 || true
  cat "$work"/run/disk/log "$work"/run/.supervisor*/log "$work"/fio* >&2 || true
  dmesg | tail -n 20 >&2
  exit 1
}
# The process that serves the device; nothing while there is none.
daemon() { tscrypt status --json disk 2>/dev/null | sed -n 's/^  "pid": \([0-9]*\),$/\1/p'; }

# await_daemon MESSAGE: sets pid to a process that serves the device, another one than last.
await_daemon() {
  local until=$((SECONDS + 60))
  while :; do
    pid=$(daemon) || true
    [[ -z $pid || $pid == "$last" ]] || return 0
    ((SECONDS < until)) || die "$1"
    sleep 0.25
  done
}

last=
truncate -s 128M "$work/image"
tscrypt luksFormat -q --pbkdf pbkdf2 --pbkdf-force-iterations 1000 --key-file "$work/key" "$work/image"
tscrypt open --export "$kind" --key-file "$work/key" "$work/image" disk
mkfs.ext4 -q /dev/mapper/disk
mount /dev/mapper/disk "$work/mnt"

node "$here/acknowledged-writes.mjs" write "$work/mnt/acknowledged" "$work/log" &
writer=$!
(
  for ((pass = 0; ; pass++)); do
    [[ ! -e $work/log.stop ]] || exit 0
    fio --name=verify --directory="$work/mnt" --size=12m --rw=randwrite --bssplit=4k/60:64k/40 --verify=crc32c \
      --verify_fatal=1 --do_verify=1 --verify_state_save=0 --ioengine=psync --direct=1 --randseed=$pass --output="$work/fio.$pass"
    rm "$work/fio.$pass"
  done
) &
load=$!

for ((kill = 1; kill <= kills; kill++)); do
  sleep "0.$((RANDOM % 10))"
  await_daemon "no daemon came back after kill $((kill - 1))"
  last=$pid
  kill -9 "$pid"
  echo "kill $kill of process $pid" >&2
  kill -0 $writer && kill -0 $load || die "the load ended after kill $kill"
done
await_daemon 'no daemon came back after the last kill'
for ((restart = 1; restart <= restarts; restart++)); do
  sleep "0.$((RANDOM % 10))"
  last=$pid
  tscrypt daemon restart disk >&2 || die "restart $restart failed"
  await_daemon "no other daemon after restart $restart"
  echo "restart $restart: process $pid in the place of $last" >&2
  kill -0 $writer && kill -0 $load || die "the load ended after restart $restart"
done
sleep 1
touch "$work/log.stop"
wait $writer || die 'writing failed'
wait $load || die 'fio failed'

umount "$work/mnt"
fsck.ext4 -fn /dev/mapper/disk >"$work/fsck" || die "$(cat "$work/fsck")"
mount /dev/mapper/disk "$work/mnt"
node "$here/acknowledged-writes.mjs" verify "$work/mnt/acknowledged" "$work/log"
umount "$work/mnt"
tscrypt close disk
cryptsetup open --key-file "$work/key" "$work/image" stock
mount -o ro /dev/mapper/stock "$work/mnt"
node "$here/acknowledged-writes.mjs" verify "$work/mnt/acknowledged" "$work/log"
umount "$work/mnt"
cryptsetup close stock
! dmesg | grep -E 'I/O error|EXT4-fs error' || die 'the kernel met an error'
rm -r "$work"
echo "killed $kills times, replaced $restarts times, nothing lost"
