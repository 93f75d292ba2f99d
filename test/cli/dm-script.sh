# Command lines for dmsetup and for tsdmsetup, run one after the other on the same state: first by the stock tool
# under Linux, then by ours. dm-same-as-dmsetup.test.ts says what `t`, $a and $b are. One command a line.
t
t bogus
t bogus status one
t --bogus
t -Z ls
t --table
t -o
t ls --tab
t ls --noheadings=x
t ls --no
t ls extra
t rename one
t create a b c
t message x 0
t setgeometry x 1 2 3
t help a b
t create
t create --notable
t create two -j 4095
t create two -m 3
t create two --notable --table '0 8 zero'
t create two -n --addnodeonresume --addnodeoncreate
t --manglename bogus ls
t ls --count -1
t ls --interval 0
t ls --readahead -5
t ls -M 9
t status
t table
t table --concise
t info
t mknodes
t remove_all
t mangle

# create: where the table comes from, and what is refused
t create one -u ONE --table "0 1024 linear $a 0"
t create one --table '0 8 zero'
t create two -u ONE --table '0 8 zero'
t create two --table '0 8 linear'
t create two -u U2 --table "0 8 linear $a x"
t create two --table "0 9000 linear $a 0"
t create two --table '0 8 linear /dev/nosuch 0'
t create two --table '0 8 bogus'
t create two --table '8 8 zero'
t create two --table '0 0 zero'
t create two --table '0 36028797018963968 zero'
t create two --table '0 8 zerozerozerozerozero'
t create two --table 'junk'
t create two --table '0 8'
t create two --table '0x10 8 zero'
t create two no-such-file
t create 'a/b' -n
t create /dev/mapper/two -n
t create control -n
t create .. -n
t create '' -n
t create xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx -n
t create two -n -u xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx
t table
t create two <<< $'# a comment\n0 512 linear /dev/mapper/one 0\n\n  512 8 error # and another'
t table two
t remove two
printf '0 8 zero\njunk\n' > bad-table
printf '0 8 zero\n8 8 error\n' > good-table
t create two bad-table
t create two good-table
t remove two
t create two --table '0 8 zero' bad-table
t remove two
t create two --table=' 0	8  zero '
t remove two
t create two --notable bad-table
t table two
t remove two
t create two --table ''
t status two
t create --tab '0 8 zero' -rv three -uU3
t -v create four -n
t remove three four
t create six --readahead 99 --noudevsync --noudevrules --verifyudev --checks -U 0 -G 0 -M 0600 -y --table '0 8 zero'
t remove six

# Addressing
t table -u ONE
t table -u NOPE
t table -u NOPE one
t table /dev/mapper/one
t table /dev/mapper/nosuch
t table /dev/mapper/
t table ./one
t table 4095:0
t table nosuch
t table one nosuch two
t status nosuch
t status -u NOPE
t status -- one
t -- status one
t status -- --target
t remove -u NOPE
t suspend -u NOPE
t suspend
t resume
t clear
t remove
t wipe_table
t wait
t load

# Tables and statuses
t load two --table "0 512 linear $a 0"
t table --inactive two
t table --inactive
t table --inactive one
t table two
t clear two
t clear two
t load two good-table
t load two bad-table
t load two no-such-file
t load two <<< '0 16 zero'
t load two <<< 'x'
t reload -u ONE --table "0 1024 linear $b 0"
t load -u ONE one two
t load one -n
t load one --table ''
t load one --table '0 8 bogus'
t load nosuch --table '0 8 zero'
t load one --table '0 8 linear /dev/mapper/one 0'
t -v load two --table '0 64 zero'
t resume one two
t table
t status
t table one two
t status one two
t -v status one
t -v status one two
t table --target linear
t table --target zero two
t status --target linear
t status --target nosuch one
t status --target nosuch
t table --concise
t table --concise two
t table --concise one two
t table --concise --target zero
t table --concise nosuch
t table --inactive --concise one
t status --noflush one

# States
t suspend one
t suspend one
t -v status one
t suspend one nosuch
t resume one
t resume one
t -v resume one
t suspend --noflush --nolockfs two
t resume --noflush two
t suspend -u ONE
t resume /dev/mapper/one
t create none -n
t resume none
t suspend none
t resume none
t status none
t -v table none
t load none --table '0 8 zero'
t resume none
t remove none nosuch one
t load two --table '0 8 zero' -r
t resume two
t info two
t wait two 5
t -v wait two 7
t wait nosuch
t wait -u ONE 9
t wait one 3 4
t setgeometry one 10 20 30 0
t setgeometry one 65536 1 1 0
t setgeometry one 1 2 3 7
t setgeometry one a b c d
t setgeometry nosuch 1 2 3 4

# Names
t rename two three
t rename two four
t rename three one
t rename three three
t rename three 'a/b'
t rename three ''
t rename three control
t rename three xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx
t rename three --setuuid ONE
t rename three --setuuid ''
t rename three --setuuid 'U 3'
t rename three --setuuid U4
t rename --setuuid three
t table --concise
t --manglename none table --concise
t remove -u 'U 3'
t create 'sp ace' --table '0 8 zero'
t create 'sp\x20ace' -n
t create 'a\x20b c' -n
t create 'a\x5cx20b' -n
t create 'ü;,' -n
t --manglename none table
t --manglename hex table
t table
t table 'sp ace' one
t table 'sp\x20ace'
t --manglename none table 'sp ace'
t status /dev/mapper/sp\\x20ace
t mangle
t mangle one
t mangle nosuch
t rename 'sp ace' plain
t --manglename hex create 'x\x20' -n
t --manglename hex remove 'x\x20'
DM_DEFAULT_NAME_MANGLING_MODE=none t table
t remove plain 'ü;,'

# Messages
t message one 0 hello
t message one 99999 hello
t message one 0 @foo
t message one x hello
t message one 0x0 hello
t message one 0 ''
t message one 0
t message nosuch 0 hello
t message -u ONE 0 hello
t message one 0 @stats_create - /2
t message one 0 @stats_list
t message one 0 '@stats_set_aux   0' hi
t message one 0 @stats_list
t message one 0 @stats_delete 0

# Keys
t create cr --table "0 8 crypt aes-xts-plain64 000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f 0 $b 0"
t table cr
t table --showkeys cr
t table --showkeys --concise cr
t table --target crypt
t message cr 0 key wipe
t suspend cr
t message cr 0 key wipe
t table --showkeys cr
t message cr 0 key set 00
t message cr 0 key set zz
t message cr 0 key set ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff01
t table --showkeys cr
t table cr
t resume cr
t load cr <<< "0 8 crypt aes-cbc-essiv:sha256 000102030405060708090a0b0c0d0eff 0 $b 8"
t table --inactive --showkeys cr
t table --inactive cr
t remove cr

# Concise specifications
t create --concise 'c1,,,rw,0 8 zero,8 8 error'
t create --concise 'c1,,,rw,0 8 zero'
t create --concise 'c2,uu\,id,7,ro,0 16 linear /dev/mapper/one 0;c\3,,,, 0 8 zero;'
t create --concise 'c5,,7,ro,0 8 zero'
t create --concise 'c6,,,xx,0 8 zero'
t create --concise 'c7,,,rw'
t create --concise 'c7,,,rw,'
t create --concise 'c7'
t create --concise ';c7,,,rw,0 8 zero'
t create --concise 'c7,,,,0 8 zero,junk'
t create --concise 'a/b,,,,0 8 zero'
t create --concise ',,,,0 8 zero'
t create --concise ''
t create --concise a b
t create --concise --table x
t create --concise -u x y
t create --concise <<< 'd1,,,,0 8 zero;
d2,,,,0 8 zero,8 8 error'
t table --concise
t table

# Removal
t remove one
t remove -f one
t table one c2
t remove c2 one c1
t remove nosuch
t remove -f nosuch
t create n -n
t wipe_table n
t wipe_table nosuch
t wipe_table d1
t table d1
t suspend d2
t load d2 --table '0 64 zero'
t wipe_table d2 n
t table d2
t remove -f n
t create low --table "0 64 linear $a 0"
t create high --table '0 64 linear /dev/mapper/low 0'
t remove --deferred low
t info low
t message low 0 @cancel_deferred_remove
t remove --deferred low
t remove high
t status low
t create low --table "0 64 linear $a 0"
t create high --table '0 64 linear /dev/mapper/low 0'
t remove_all
t status
t create low --table "0 64 linear $a 0"
t create high --table '0 64 linear /dev/mapper/low 0'
t remove_all -f
t remove_all --deferred
t status

# Small ones
t target-version zero linear
t target-version nosuch
t target-version zero nosuch linear
t target-version
t udevcreatecookie
t udevreleasecookie
t udevreleasecookie 0x1
t udevflags 0xffff0000
t udevflags 0x12345
t udevflags 0
t udevflags abc
t udevcomplete 0x12345
t udevcomplete abc
t -y udevcomplete_all
t -y udevcomplete_all 5
t -y udevcomplete_all x
t udevcookies
