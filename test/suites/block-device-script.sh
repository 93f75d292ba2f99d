# What people do with an opened volume, on a real kernel. Run as root:
#   block-device-script.sh KIND FILESYSTEMS SEED OPERATIONS
# KIND is what --export takes. Says a line for each thing that holds; ends at the first one that does not.
set -euo pipefail
kind=$1 filesystems=$2 seed=$3 operations=$4
here=$(dirname "$(readlink -f "$0")")
work=$(mktemp -d "${WORK:-/dev/shm}/volumes.XXXX")
mkdir "$work/mnt" "$work/run"
export TSCRYPT_RUNTIME_DIR=$work/run
printf 'correct horse battery staple' >"$work/key"
tscrypt() { node "$here/../../bin/tscrypt.js" "$@"; }

# exercise FILESYSTEM NODE: makes it, works on it, leaves $work/sums of its files.
exercise() {
  local filesystem=$1 node=$2
  case $filesystem in
    ext4) mkfs.ext4 -q "$node" ;;
    xfs) mkfs.xfs -q -f "$node" ;;
    btrfs) mkfs.btrfs -q -f "$node" >/dev/null ;;
  esac
  mount -t "$filesystem" "$node" "$work/mnt"
  node "$here/file-exerciser.mjs" "$work/mnt/file" "$seed" "$operations" $((8 << 20)) >"$work/sums"
  fio --name=verify --directory="$work/mnt" --size=24m --rw=randwrite --bssplit=4k/50:16k/30:128k/20 --verify=crc32c \
    --verify_fatal=1 --do_verify=1 --verify_state_save=0 --ioengine=psync --direct=1 --randseed="$seed" --end_fsync=1 --output="$work/fio" ||
    { cat "$work/fio"; return 1; }
  rm "$work/mnt/verify.0.0"
  fstrim "$work/mnt"
  umount "$work/mnt"
  mount -t "$filesystem" "$node" "$work/mnt"
  sha256sum --quiet -c "$work/sums"
  umount "$work/mnt"
}

# same FILESYSTEM NODE: what exercise left is there.
same() {
  mount -t "$1" "$2" "$work/mnt"
  sha256sum --quiet -c "$work/sums"
  umount "$work/mnt"
}

for filesystem in $filesystems; do
  truncate -s 340M "$work/ours" "$work/theirs"

  tscrypt luksFormat -q --pbkdf pbkdf2 --pbkdf-force-iterations 1000 --key-file "$work/key" "$work/ours"
  tscrypt open --export "$kind" --allow-discards --key-file "$work/key" "$work/ours" disk
  tscrypt status --json disk >"$work/status"
  grep -q "\"kind\": \"$kind\"" "$work/status" || { cat "$work/status"; exit 1; }
  exercise "$filesystem" /dev/mapper/disk
  mount /dev/mapper/disk "$work/mnt"
  if tscrypt close disk 2>"$work/busy"; then
    echo 'closed under a mounted file system'
    exit 1
  fi
  grep -q 'mounted on' "$work/busy" || { cat "$work/busy"; exit 1; }
  umount "$work/mnt"
  tscrypt close disk
  [[ ! -e /dev/mapper/disk ]]
  cryptsetup open --key-file "$work/key" "$work/ours" stock
  same "$filesystem" /dev/mapper/stock
  cryptsetup close stock
  echo "$kind $filesystem: written here, read by the kernel"

  cryptsetup luksFormat -q --pbkdf pbkdf2 --pbkdf-force-iterations 1000 --key-file "$work/key" "$work/theirs"
  cryptsetup open --allow-discards --key-file "$work/key" "$work/theirs" stock
  exercise "$filesystem" /dev/mapper/stock
  cryptsetup close stock
  tscrypt open --export "$kind" --key-file "$work/key" "$work/theirs" disk
  same "$filesystem" /dev/mapper/disk
  tscrypt close disk
  echo "$kind $filesystem: written by the kernel, read here"
  rm "$work/ours" "$work/theirs"
done
# The supervisor ends a moment after the last device it guarded.
for ((wait = 0; wait < 20; wait++)); do
  [[ -n $(ls -A "$work/run") ]] || break
  sleep 0.5
done
[[ -z $(ls -A "$work/run") ]] || { ls -lR "$work/run"; exit 1; }
rm -r "$work"
