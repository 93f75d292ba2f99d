;; The arithmetic around ECB calls, 16 bytes at a time. All parameters are byte offsets into the one memory,
;; except the counts. Blocks are 16 bytes; "blocks" is the number of blocks in one encryption sector; sectors
;; lie one behind the other.
(module
  (memory (export "memory") 8)

  ;; First pass of XTS: each sector's tweaks follow from its encrypted IV; they are kept in $tweaks and
  ;; XORed into the data. Four sectors at a time, for the doubling is one long chain of dependencies.
  ;;
  ;; The next tweak is the last one times the primitive element of GF(2^128), in the convention of
  ;; IEEE 1619-2018, 5.2: a 128-bit little-endian shift left by one; the bit that falls out comes back as
  ;; 0x87. The sign bits of words 1 and 3 become masks (by 32-bit arithmetic shifts, for which every CPU has an
  ;; instruction): word 3's selects 0x87 in the low half, word 1's the carry into the high half. Written out
  ;; five times, because V8 does not inline calls here and a call costs more than the arithmetic.
  (func (export "xtsBegin")
    (param $data i32) (param $tweaks i32) (param $ivs i32) (param $sectors i32) (param $blocks i32)
    (local $size i32) (local $k i32) (local $p i32) (local $q i32)
    (local $a v128) (local $b v128) (local $c v128) (local $d v128) (local $signs v128)
    (local.set $size (i32.shl (local.get $blocks) (i32.const 4)))
    (block $single
      (loop $four
        (br_if $single (i32.lt_u (local.get $sectors) (i32.const 4)))
        (local.set $a (v128.load offset=0 (local.get $ivs)))
        (local.set $b (v128.load offset=16 (local.get $ivs)))
        (local.set $c (v128.load offset=32 (local.get $ivs)))
        (local.set $d (v128.load offset=48 (local.get $ivs)))
        (local.set $k (i32.const 0))
        (loop $block
          (local.set $p (i32.add (local.get $data) (local.get $k)))
          (local.set $q (i32.add (local.get $tweaks) (local.get $k)))
          (v128.store (local.get $q) (local.get $a))
          (v128.store (local.get $p) (v128.xor (v128.load (local.get $p)) (local.get $a)))
          (local.set $signs (i32x4.shr_s (local.get $a) (i32.const 31)))
          (local.set $a
            (v128.xor
              (i64x2.shl (local.get $a) (i32.const 1))
              (v128.and
                (i8x16.shuffle 12 13 14 15 12 13 14 15 4 5 6 7 4 5 6 7 (local.get $signs) (local.get $signs))
                (v128.const i32x4 0x87 0 1 0))))
          (local.set $p (i32.add (local.get $p) (local.get $size)))
          (local.set $q (i32.add (local.get $q) (local.get $size)))
          (v128.store (local.get $q) (local.get $b))
          (v128.store (local.get $p) (v128.xor (v128.load (local.get $p)) (local.get $b)))
          (local.set $signs (i32x4.shr_s (local.get $b) (i32.const 31)))
          (local.set $b
            (v128.xor
              (i64x2.shl (local.get $b) (i32.const 1))
              (v128.and
                (i8x16.shuffle 12 13 14 15 12 13 14 15 4 5 6 7 4 5 6 7 (local.get $signs) (local.get $signs))
                (v128.const i32x4 0x87 0 1 0))))
          (local.set $p (i32.add (local.get $p) (local.get $size)))
          (local.set $q (i32.add (local.get $q) (local.get $size)))
          (v128.store (local.get $q) (local.get $c))
          (v128.store (local.get $p) (v128.xor (v128.load (local.get $p)) (local.get $c)))
          (local.set $signs (i32x4.shr_s (local.get $c) (i32.const 31)))
          (local.set $c
            (v128.xor
              (i64x2.shl (local.get $c) (i32.const 1))
              (v128.and
                (i8x16.shuffle 12 13 14 15 12 13 14 15 4 5 6 7 4 5 6 7 (local.get $signs) (local.get $signs))
                (v128.const i32x4 0x87 0 1 0))))
          (local.set $p (i32.add (local.get $p) (local.get $size)))
          (local.set $q (i32.add (local.get $q) (local.get $size)))
          (v128.store (local.get $q) (local.get $d))
          (v128.store (local.get $p) (v128.xor (v128.load (local.get $p)) (local.get $d)))
          (local.set $signs (i32x4.shr_s (local.get $d) (i32.const 31)))
          (local.set $d
            (v128.xor
              (i64x2.shl (local.get $d) (i32.const 1))
              (v128.and
                (i8x16.shuffle 12 13 14 15 12 13 14 15 4 5 6 7 4 5 6 7 (local.get $signs) (local.get $signs))
                (v128.const i32x4 0x87 0 1 0))))
          (local.set $k (i32.add (local.get $k) (i32.const 16)))
          (br_if $block (i32.lt_u (local.get $k) (local.get $size))))
        (local.set $k (i32.shl (local.get $size) (i32.const 2)))
        (local.set $data (i32.add (local.get $data) (local.get $k)))
        (local.set $tweaks (i32.add (local.get $tweaks) (local.get $k)))
        (local.set $ivs (i32.add (local.get $ivs) (i32.const 64)))
        (local.set $sectors (i32.sub (local.get $sectors) (i32.const 4)))
        (br $four)))
    (block $done
      (loop $one
        (br_if $done (i32.eqz (local.get $sectors)))
        (local.set $a (v128.load (local.get $ivs)))
        (local.set $k (i32.const 0))
        (loop $block
          (local.set $p (i32.add (local.get $data) (local.get $k)))
          (v128.store (i32.add (local.get $tweaks) (local.get $k)) (local.get $a))
          (v128.store (local.get $p) (v128.xor (v128.load (local.get $p)) (local.get $a)))
          (local.set $signs (i32x4.shr_s (local.get $a) (i32.const 31)))
          (local.set $a
            (v128.xor
              (i64x2.shl (local.get $a) (i32.const 1))
              (v128.and
                (i8x16.shuffle 12 13 14 15 12 13 14 15 4 5 6 7 4 5 6 7 (local.get $signs) (local.get $signs))
                (v128.const i32x4 0x87 0 1 0))))
          (local.set $k (i32.add (local.get $k) (i32.const 16)))
          (br_if $block (i32.lt_u (local.get $k) (local.get $size))))
        (local.set $data (i32.add (local.get $data) (local.get $size)))
        (local.set $tweaks (i32.add (local.get $tweaks) (local.get $size)))
        (local.set $ivs (i32.add (local.get $ivs) (i32.const 16)))
        (local.set $sectors (i32.sub (local.get $sectors) (i32.const 1)))
        (br $one))))

  ;; $data ^= $mask, $length bytes, a multiple of 64.
  (func (export "xor") (param $data i32) (param $mask i32) (param $length i32)
    (local $end i32)
    (local.set $end (i32.add (local.get $data) (local.get $length)))
    (block $done
      (loop $next
        (br_if $done (i32.ge_u (local.get $data) (local.get $end)))
        (v128.store offset=0 (local.get $data)
          (v128.xor (v128.load offset=0 (local.get $data)) (v128.load offset=0 (local.get $mask))))
        (v128.store offset=16 (local.get $data)
          (v128.xor (v128.load offset=16 (local.get $data)) (v128.load offset=16 (local.get $mask))))
        (v128.store offset=32 (local.get $data)
          (v128.xor (v128.load offset=32 (local.get $data)) (v128.load offset=32 (local.get $mask))))
        (v128.store offset=48 (local.get $data)
          (v128.xor (v128.load offset=48 (local.get $data)) (v128.load offset=48 (local.get $mask))))
        (local.set $data (i32.add (local.get $data) (i32.const 64)))
        (local.set $mask (i32.add (local.get $mask) (i32.const 64)))
        (br $next))))

  ;; Ends the decryption of CBC sectors: $data holds D(C_i), $cipher the ciphertext C_i; each block is XORed
  ;; with the ciphertext block before it, the first of a sector with its IV.
  (func (export "cbcEnd")
    (param $data i32) (param $cipher i32) (param $ivs i32) (param $sectors i32) (param $blocks i32)
    (local $end i32)
    (block $done
      (loop $sector
        (br_if $done (i32.eqz (local.get $sectors)))
        (local.set $end (i32.add (local.get $data) (i32.shl (local.get $blocks) (i32.const 4))))
        (v128.store (local.get $data) (v128.xor (v128.load (local.get $data)) (v128.load (local.get $ivs))))
        (local.set $data (i32.add (local.get $data) (i32.const 16)))
        (loop $block
          (v128.store (local.get $data)
            (v128.xor (v128.load (local.get $data)) (v128.load (local.get $cipher))))
          (local.set $data (i32.add (local.get $data) (i32.const 16)))
          (local.set $cipher (i32.add (local.get $cipher) (i32.const 16)))
          (br_if $block (i32.lt_u (local.get $data) (local.get $end))))
        (local.set $cipher (i32.add (local.get $cipher) (i32.const 16)))
        (local.set $ivs (i32.add (local.get $ivs) (i32.const 16)))
        (local.set $sectors (i32.sub (local.get $sectors) (i32.const 1)))
        (br $sector))))

  ;; CBC encryption goes down one column of blocks of many sectors at a time: $column ^= that column of $data …
  (func (export "gatherXor") (param $data i32) (param $column i32) (param $sectors i32) (param $size i32)
    (block $done
      (loop $next
        (br_if $done (i32.eqz (local.get $sectors)))
        (v128.store (local.get $column)
          (v128.xor (v128.load (local.get $column)) (v128.load (local.get $data))))
        (local.set $column (i32.add (local.get $column) (i32.const 16)))
        (local.set $data (i32.add (local.get $data) (local.get $size)))
        (local.set $sectors (i32.sub (local.get $sectors) (i32.const 1)))
        (br $next))))

  ;; … and, encrypted, the column goes back to where it came from.
  (func (export "scatter") (param $data i32) (param $column i32) (param $sectors i32) (param $size i32)
    (block $done
      (loop $next
        (br_if $done (i32.eqz (local.get $sectors)))
        (v128.store (local.get $data) (v128.load (local.get $column)))
        (local.set $column (i32.add (local.get $column) (i32.const 16)))
        (local.set $data (i32.add (local.get $data) (local.get $size)))
        (local.set $sectors (i32.sub (local.get $sectors) (i32.const 1)))
        (br $next))))

  ;; Counter blocks of CTR mode: a sector's IV is its first counter, a 128-bit big-endian number that grows by
  ;; one a block (NIST SP 800-38A, appendix B.1).
  (func (export "counters") (param $out i32) (param $ivs i32) (param $sectors i32) (param $blocks i32)
    (local $k i32) (local $low i64) (local $high i64) (local $iv v128)
    (block $done
      (loop $sector
        (br_if $done (i32.eqz (local.get $sectors)))
        ;; The 16 bytes the other way round make a little-endian number.
        (local.set $iv (v128.load (local.get $ivs)))
        (local.set $iv
          (i8x16.shuffle 15 14 13 12 11 10 9 8 7 6 5 4 3 2 1 0 (local.get $iv) (local.get $iv)))
        (local.set $low (i64x2.extract_lane 0 (local.get $iv)))
        (local.set $high (i64x2.extract_lane 1 (local.get $iv)))
        (local.set $k (local.get $blocks))
        (loop $block
          (local.set $iv (i64x2.replace_lane 1 (i64x2.splat (local.get $low)) (local.get $high)))
          (v128.store (local.get $out)
            (i8x16.shuffle 15 14 13 12 11 10 9 8 7 6 5 4 3 2 1 0 (local.get $iv) (local.get $iv)))
          (local.set $low (i64.add (local.get $low) (i64.const 1)))
          (local.set $high (i64.add (local.get $high) (i64.extend_i32_u (i64.eqz (local.get $low)))))
          (local.set $out (i32.add (local.get $out) (i32.const 16)))
          (local.set $k (i32.sub (local.get $k) (i32.const 1)))
          (br_if $block (local.get $k)))
        (local.set $ivs (i32.add (local.get $ivs) (i32.const 16)))
        (local.set $sectors (i32.sub (local.get $sectors) (i32.const 1)))
        (br $sector))))
)
