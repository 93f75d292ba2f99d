;; The arithmetic around cipher calls, 16 bytes at a time. All parameters are byte offsets into the one memory,
;; except the counts. Blocks are 16 bytes; "blocks" is the number of blocks in one encryption sector; sectors
;; lie one behind the other. Of any alignment.
;;
;; (@double $t): the next XTS tweak, which is the last one times the primitive element of GF(2^128), in the
;; convention of IEEE 1619-2018, 5.2: a 128-bit little-endian shift left by one; the bit that falls out comes back
;; as 0x87. scripts/build-wasm.mjs writes it out at each place, since V8 does not inline calls here and a call costs
;; more than the arithmetic. The function needs a local $signs, and in $poly what the masks select: from a constant in
;; its place newer versions of V8 would load it each time, at half the speed.
(module
  (import "arena" "memory" (memory 1))

  ;; $count IVs, made of the numbers $first, $first + $step, …, which are whole and below 2^53: 64 bits, little-endian, and
  ;; zeroes. As f64, for JavaScript would have to make objects of i64s.
  (func (export "plain64") (param $out i32) (param $first f64) (param $step f64) (param $count i32)
    (local $number i64) (local $difference i64)
    (local.set $number (i64.trunc_f64_u (local.get $first)))
    (local.set $difference (i64.trunc_f64_u (local.get $step)))
    (block $done
      (loop $next
        (br_if $done (i32.eqz (local.get $count)))
        (i64.store offset=0 (local.get $out) (local.get $number))
        (i64.store offset=8 (local.get $out) (i64.const 0))
        (local.set $number (i64.add (local.get $number) (local.get $difference)))
        (local.set $out (i32.add (local.get $out) (i32.const 16)))
        (local.set $count (i32.sub (local.get $count) (i32.const 1)))
        (br $next))))

  ;; First pass of XTS: each sector's tweaks follow from its encrypted IV; they are kept in $tweaks and
  ;; XORed into the data. Four sectors at a time, for the doubling is one long chain of dependencies.
  (func (export "xtsBegin")
    (param $data i32) (param $tweaks i32) (param $ivs i32) (param $sectors i32) (param $blocks i32)
    (local $size i32) (local $k i32) (local $p i32) (local $q i32)
    (local $a v128) (local $b v128) (local $c v128) (local $d v128) (local $signs v128) (local $poly v128)
    (local.set $poly (v128.const i32x4 0x87 0 1 0))
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
          (@double $a)
          (local.set $p (i32.add (local.get $p) (local.get $size)))
          (local.set $q (i32.add (local.get $q) (local.get $size)))
          (v128.store (local.get $q) (local.get $b))
          (v128.store (local.get $p) (v128.xor (v128.load (local.get $p)) (local.get $b)))
          (@double $b)
          (local.set $p (i32.add (local.get $p) (local.get $size)))
          (local.set $q (i32.add (local.get $q) (local.get $size)))
          (v128.store (local.get $q) (local.get $c))
          (v128.store (local.get $p) (v128.xor (v128.load (local.get $p)) (local.get $c)))
          (@double $c)
          (local.set $p (i32.add (local.get $p) (local.get $size)))
          (local.set $q (i32.add (local.get $q) (local.get $size)))
          (v128.store (local.get $q) (local.get $d))
          (v128.store (local.get $p) (v128.xor (v128.load (local.get $p)) (local.get $d)))
          (@double $d)
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
          (@double $a)
          (local.set $k (i32.add (local.get $k) (i32.const 16)))
          (br_if $block (i32.lt_u (local.get $k) (local.get $size))))
        (local.set $data (i32.add (local.get $data) (local.get $size)))
        (local.set $tweaks (i32.add (local.get $tweaks) (local.get $size)))
        (local.set $ivs (i32.add (local.get $ivs) (i32.const 16)))
        (local.set $sectors (i32.sub (local.get $sectors) (i32.const 1)))
        (br $one))))

  ;; The same without keeping the tweaks: XORs into the data, as either pass, what $starts begin. With the deltas of
  ;; xtsDeltas this is all that is left to do around one XTS call over many sectors.
  (func (export "xtsFold") (param $data i32) (param $starts i32) (param $sectors i32) (param $blocks i32)
    (local $size i32) (local $end i32) (local $p i32) (local $q i32) (local $r i32)
    (local $a v128) (local $b v128) (local $c v128) (local $d v128) (local $signs v128) (local $poly v128)
    (local.set $poly (v128.const i32x4 0x87 0 1 0))
    (local.set $size (i32.shl (local.get $blocks) (i32.const 4)))
    (block $single
      (loop $four
        (br_if $single (i32.lt_u (local.get $sectors) (i32.const 4)))
        (local.set $a (v128.load offset=0 (local.get $starts)))
        (local.set $b (v128.load offset=16 (local.get $starts)))
        (local.set $c (v128.load offset=32 (local.get $starts)))
        (local.set $d (v128.load offset=48 (local.get $starts)))
        (local.set $end (i32.add (local.get $data) (local.get $size)))
        (local.set $p (local.get $end))
        (local.set $q (i32.add (local.get $p) (local.get $size)))
        (local.set $r (i32.add (local.get $q) (local.get $size)))
        (loop $block
          (v128.store (local.get $data) (v128.xor (v128.load (local.get $data)) (local.get $a)))
          (@double $a)
          (v128.store (local.get $p) (v128.xor (v128.load (local.get $p)) (local.get $b)))
          (@double $b)
          (v128.store (local.get $q) (v128.xor (v128.load (local.get $q)) (local.get $c)))
          (@double $c)
          (v128.store (local.get $r) (v128.xor (v128.load (local.get $r)) (local.get $d)))
          (@double $d)
          (local.set $p (i32.add (local.get $p) (i32.const 16)))
          (local.set $q (i32.add (local.get $q) (i32.const 16)))
          (local.set $r (i32.add (local.get $r) (i32.const 16)))
          (local.set $data (i32.add (local.get $data) (i32.const 16)))
          (br_if $block (i32.lt_u (local.get $data) (local.get $end))))
        (local.set $data (local.get $r))
        (local.set $starts (i32.add (local.get $starts) (i32.const 64)))
        (local.set $sectors (i32.sub (local.get $sectors) (i32.const 4)))
        (br $four)))
    (block $done
      (loop $one
        (br_if $done (i32.eqz (local.get $sectors)))
        (local.set $a (v128.load (local.get $starts)))
        (local.set $end (i32.add (local.get $data) (local.get $size)))
        (loop $block
          (v128.store (local.get $data) (v128.xor (v128.load (local.get $data)) (local.get $a)))
          (@double $a)
          (local.set $data (i32.add (local.get $data) (i32.const 16)))
          (br_if $block (i32.lt_u (local.get $data) (local.get $end))))
        (local.set $starts (i32.add (local.get $starts) (i32.const 16)))
        (local.set $sectors (i32.sub (local.get $sectors) (i32.const 1)))
        (br $one))))

  ;; What is wrong with the tweaks when sectors go through XTS as one data unit that has the first one's IV. $tweaks
  ;; holds the sectors' encrypted IVs T_s; where sector s begins the unit's tweak has become T_0 times a^(32 $steps s).
  ;; The difference of the two takes T_s's place; multiplied on, it stays the difference.
  ;;
  ;; Times a^32 is a shift by one 32-bit word; the word that falls out, times 0x87, is added at the bottom.
  (func (export "xtsDeltas") (param $tweaks i32) (param $sectors i32) (param $steps i32)
    (local $low i64) (local $high i64) (local $out i64) (local $k i32)
    (local.set $low (i64.load offset=0 (local.get $tweaks)))
    (local.set $high (i64.load offset=8 (local.get $tweaks)))
    (v128.store (local.get $tweaks) (v128.const i64x2 0 0))
    (block $done
      (loop $sector
        (local.set $sectors (i32.sub (local.get $sectors) (i32.const 1)))
        (br_if $done (i32.eqz (local.get $sectors)))
        (local.set $k (local.get $steps))
        (loop $step
          (local.set $out (i64.shr_u (local.get $high) (i64.const 32)))
          (local.set $high
            (i64.or (i64.shl (local.get $high) (i64.const 32)) (i64.shr_u (local.get $low) (i64.const 32))))
          (local.set $low
            (i64.xor
              (i64.xor
                (i64.shl (local.get $low) (i64.const 32))
                (i64.xor (local.get $out) (i64.shl (local.get $out) (i64.const 1))))
              (i64.xor
                (i64.shl (local.get $out) (i64.const 2))
                (i64.shl (local.get $out) (i64.const 7)))))
          (local.set $k (i32.sub (local.get $k) (i32.const 1)))
          (br_if $step (local.get $k)))
        (local.set $tweaks (i32.add (local.get $tweaks) (i32.const 16)))
        (i64.store offset=0 (local.get $tweaks)
          (i64.xor (i64.load offset=0 (local.get $tweaks)) (local.get $low)))
        (i64.store offset=8 (local.get $tweaks)
          (i64.xor (i64.load offset=8 (local.get $tweaks)) (local.get $high)))
        (br $sector))))

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

  ;; $column is XORed into that column of $data.
  (func (export "scatterXor") (param $data i32) (param $column i32) (param $sectors i32) (param $size i32)
    (block $done
      (loop $next
        (br_if $done (i32.eqz (local.get $sectors)))
        (v128.store (local.get $data)
          (v128.xor (v128.load (local.get $data)) (v128.load (local.get $column))))
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
