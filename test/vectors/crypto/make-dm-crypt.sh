#!/bin/sh
# Makes dm-crypt vectors with the running Linux kernel: as root, where dmsetup, losetup and crypt work.
#   make-dm-crypt.sh > dm-crypt-more.json
# Every case maps 32 sectors, writes the pattern "16 x '%-12.12s %018d\n' (case, sector)" to each 512-byte
# sector through the mapping, and records what lies on the device below.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
dd if=/dev/zero of="$work/below" bs=512 count=32 2>/dev/null
loop=$(losetup --show -f "$work/below")
key() { seq 0 $(($1 - 1)) | awk '{ printf "%02x", $1 % 256 }'; }
same() { k=$(key "$1"); printf %s%s "$k" "$k"; }
pattern() {
  awk -v tag="$1" 'BEGIN { for (s = 0; s < 32; s++) for (i = 0; i < 16; i++) printf "%-12.12s %018d\n", tag, s }'
}
comma=
run() { # name cipher key iv_offset options...
  name=$1 cipher=$2 key=$3 offset=$4
  shift 4
  size=512 large=false
  for option; do
    case $option in
      sector_size:*) size=${option#*:} ;;
      iv_large_sectors) large=true ;;
    esac
  done
  pattern "$name" >"$work/plain"
  # The key is the vector's own and public: it may stand in the arguments.
  if echo "0 32 crypt $cipher $key $offset $loop 0 $# $*" | dmsetup create vector 2>"$work/error"; then
    dd if="$work/plain" of=/dev/mapper/vector bs=16384 oflag=direct conv=fsync 2>/dev/null
    dmsetup remove --retry vector
    blockdev --flushbufs "$loop"
    result="\"plaintextSha256\": \"$(sha256sum <"$work/plain" | cut -c1-64)\",
      \"ciphertextSha256\": \"$(dd if="$loop" bs=16384 count=1 iflag=direct 2>/dev/null | sha256sum | cut -c1-64)\""
  else
    result='"refused": true'
  fi
  printf '%s    { "name": "%s", "cipher": "%s", "key": "%s", "ivOffset": %s, "sectorSize": %s,\n      "largeSectorIv": %s, %s }' \
    "$comma" "$name" "$cipher" "$key" "$offset" "$size" "$large" "$result"
  comma=',
'
}
printf '{\n  "kernel": "%s",\n  "cases": [\n' "$(uname -sr)"
run xts-192 aes-xts-plain64 "$(key 48)" 0
run xts-equal-halves aes-xts-plain64 "$(same 32)" 0
run xts-far aes-xts-plain64 "$(key 64)" 1099511627775
run xts-2k-far aes-xts-plain64 "$(key 64)" 8796093022208 sector_size:2048
run xts-1k-large aes-xts-plain64 "$(key 32)" 4294967296 sector_size:1024 iv_large_sectors
run xts-plain-4k aes-xts-plain "$(key 64)" 4294967288 sector_size:4096
run xts-essiv aes-xts-essiv:sha256 "$(key 64)" 5
run camellia-essiv camellia-cbc-essiv:sha256 "$(key 32)" 0
run essiv-md5 aes-cbc-essiv:md5 "$(key 16)" 0
run essiv-sha1 aes-cbc-essiv:sha1 "$(key 16)" 0
run essiv-sha512 aes-cbc-essiv:sha512 "$(key 32)" 0
run essiv-4k-large aes-cbc-essiv:sha256 "$(key 32)" 16 sector_size:4096 iv_large_sectors
run essiv-2keys aes:2-cbc-essiv:sha256 "$(key 64)" 1
run essiv-capi-2k 'capi:cbc(aes)-essiv:sha256' "$(key 16)" 8 sector_size:2048
run keys-xts aes:2-xts-plain64 "$(key 128)" 3
run keys-1k aes:4-cbc-plain64 "$(key 64)" 2 sector_size:1024
run keys-1k-large aes:4-cbc-plain64 "$(key 64)" 2 sector_size:1024 iv_large_sectors
run cbc-be-far aes-cbc-plain64be "$(key 32)" 4503599627370495
run benbi-far aes-cbc-benbi "$(key 24)" 1125899906842624
run benbi-4k aes-cbc-benbi "$(key 32)" 8 sector_size:4096 iv_large_sectors
run benbi-ctr 'capi:ctr(aes)-benbi' "$(key 32)" 7
run ctr-be 'capi:ctr(aes)-plain64be' "$(key 32)" 4294967288 sector_size:4096
run ctr-2k aes-ctr-plain64 "$(key 16)" 0 sector_size:2048
run eboiv-2k aes-cbc-eboiv "$(key 32)" 4 sector_size:2048
run eboiv-large aes-cbc-eboiv "$(key 32)" 8 sector_size:4096 iv_large_sectors
run eboiv-xts aes-xts-eboiv "$(key 64)" 8
run eboiv-far aes-cbc-eboiv "$(key 16)" 1125899906842624
run ecb-with-iv aes-ecb-plain64 "$(key 32)" 0
run xts-null aes-xts-null "$(key 64)" 9
run just-aes aes "$(key 32)" 3
run null-key cipher_null-ecb "$(key 32)" 0
printf '\n  ]\n}\n'
losetup -d "$loop"
