# Command lines of what reports on devices, run one after the other on the same state: first by the stock tool under
# Linux, then by ours. dm-reports.test.ts says what `t`, `m`, $a to $d and $M are. `m` is for command lines that only
# make the state: what they print is not compared.

# Nothing there
t info
t info -c
t info -c -o name
t ls
t ls --tree
t ls --tree -o inverted
t ls --target linear
t ls --exec echo
t deps
t deps -o devname

m create alpha -u UUID-a --table "0 2048 linear $a 0"
m create beta --table "0 1024 linear $b 0
1024 1024 linear $c 0"
m create gamma -u LVM-xyz --table "0 2048 linear /dev/mapper/alpha 0
2048 1024 linear /dev/mapper/beta 0"
m create vg-lv-real -r --table '0 8 zero'
m create vg--x-lv -u LVM-0123 --table '0 8 linear /dev/mapper/alpha 0'
m create none -u NOHYPHEN --notable
m create inact --notable
m load inact --table "0 8 linear $a 0"
m create 'sp ace' -u 'CRYPT-a b' --table '0 8 error'
m create "it's" --table '0 8 error'
m create 'q[1]' --table '0 4 error
4 4 zero'
m create 'A{2}' -u -x --table '0 8 error'
m create a.b+c -u LVM --table '0 8 error'
m create 'éé' -u LVM-é --table '0 8 error'
m create 'n
l' --table '0 8 error'
m create a-very-long-name-for-a-device-that-is-wide --table '0 8 linear /dev/mapper/alpha 8'
m create zz --table "0 8 linear /dev/mapper/alpha 0
8 8 linear $d 0
16 8 linear $M:8 0"
m suspend beta
m load alpha --table "0 2048 linear $d 0
2048 8 linear $M:8 0"
m load gamma --table '0 8 zero'

# info at length
t info
t info alpha
t info alpha beta
t info alpha nosuch gamma
t info nosuch
t info -u UUID-a
t info -u nosuch
t info -u UUID-a beta
t info -j $M -m 1
t info -j $M -m 77
t info /dev/mapper/alpha
t info ''
t info 'sp ace'
t info 'sp\x20ace'
t info --manglename none 'sp\x20ace'
t info -v alpha
t info --noopencount
t info --inactive alpha
t info --noheadings --separator : --rows alpha
t info --count 2 alpha
t info -o devno alpha
t info -o bogus,devno alpha
t info -o devno,bogus alpha
t info -o '' alpha
t info -o ascii alpha

# info in columns
t info -c
t -c info alpha
t info --columns alpha
t -C info alpha
t info -c alpha gamma
t info -c alpha nosuch gamma
t info -c nosuch
t info -c -u UUID-a
t info -c -u nosuch
t info -c -j $M -m 1
t info -c -j $M -m 77
t info -c /dev/mapper/alpha
t info -c --noheadings
t info -c --inactive -o name,segments
t info -c --manglename none
t info -c --manglename hex
t info -c -o name_all
t info -c -o name_all --manglename none
t info -c -o info_all alpha
t info -c -o deps_all
t info -c -o tree_all
t info -c -o splitname_all
t info -c -o name,read_ahead
t info -c -o name,attr,tables_loaded,suspended,readonly,open,segments,events
t info -c -o name,device_count,device_ref_count,names_using_dev
t info -c -o devs_used,names_using_dev --manglename none
t info -c -o devnos_used,blkdevs_used,devnos_using_dev
t info -c -o name,device_count --inactive
t info -c -o names_using_dev alpha
t info -c -o name,subsystem,vg_name,lv_name,lv_layer
t info -c -o blkdevname alpha
t info -c -o devno,major,minor
t info -c -o name,all
t info -c -o open,all alpha
t info -c -o selected,all
t info -c -o vg_name,all
t info -c -o NAME,dev_no,LVLAYER
t info -c -o +device_count
t info -c -o +
t info -c -o ''
t info -c -o ,name,,open
t info -c -o name,
t info -c -o 'name, open'
t info -c -o 'name open'
t info -c -o bogus
t info -c -o bogus nosuch
t info -c -o bogus -O bogus2 -S bogus3=1
t info -c -O bogus2 -S bogus3=1
t info -c -o name_name
t info -c -o -open
t info -c -o treedeps_all
t info -c -o special_all
t info -c -o name -o open
t info -c -o help
t info -c -S help
t info -c -O '?'

# Layout
t info -c --separator : -o name,uuid,open
t info -c --separator '' -o name,open
t info -c --separator ' | ' -o name,open
t info -c --noheadings --separator ' ' -o name,open,uuid
t info -c --nameprefixes -o name,uuid,open
t info -c --nameprefixes --noheadings
t info -c --nameprefixes --noheadings --unquoted -o name,uuid
t info -c --unquoted -o name
t info -c --rows -o name,open,uuid
t info -c --rows --noheadings -o name,open
t info -c --rows --nameprefixes -o name,open
t info -c --rows --separator '|' -o name,open
t info -c --rows -o ''
t info -c --unbuffered -o name,open
t info -c --unbuffered --rows -o open,name
t info -c --count 2 --interval 1 -o name,open
t info -c --count 2 -o name --noheadings alpha
t info -c --count 2 -S open=77
t info -c -S open=77
t info -c --rows -S open=77
t info -c --nosuffix -o name

# Sorting
t info -c -O name -o name
t info -c -O -name -o name
t info -c -O +open,-name -o name,open
t info -c -O -open -o name,open
t info -c -O uuid -o name,uuid
t info -c -O -uuid,name -o name,uuid
t info -c -O attr -o name
t info -c -O minor -o name
t info -c -O devs_used,name -o name
t info -c -O -device_count,segments -o name
t info -c -O names_using_dev -o name
t info -c -O name,name -o name
t info -c -O name -O open -o name
t info -c -O ,name -o name
t info -c -O name, -o name
t info -c -O '' -o name
t info -c -O all -o name
t info -c -O name_all
t info -c -O +
t info -c -O --name
t info -c -O selected,-name -o name
t info -c -o name,selected -S open=0 -O selected,-name

# Selection
t info -c -o name -S name=alpha
t info -c -o name -S 'name != alpha'
t info -c -o name -S 'name="sp ace"'
t info -c -o name -S "name='sp ace'"
t info -c -o name -S "name=it's"
t info -c -o name -S 'name=q[1]'
t info -c -o name -S 'name=A{2}'
t info -c -o name -S 'mangled_name=sp\x20ace'
t info -c -o name -S 'uuid='
t info -c -o name -S 'uuid!=""'
t info -c -o name -S 'suspended=Suspended'
t info -c -o name -S 'devs_used="beta,alpha"'
t info -c -o name -S 'devs_used=beta,alpha'
t info -c -o name -S 'minor>0&&minor<=2'
t info -c -o name -S 'minor<1||minor>=9'
t info -c -o name -S 'minor=0,minor=1#minor=2'
t info -c -o name -S 'minor=0#minor=1,minor=2'
t info -c -o name -S '(minor=0#minor=1),minor=1'
t info -c -o name -S '!(minor=0||minor=3)'
t info -c -o name -S '!((minor=0)||(minor=3)) , open = 0'
t info -c -o name -S '!open=1'
t info -c -o name -S 'open=1.9'
t info -c -o name -S 'open>.'
t info -c -o name -S 'open=0x1'
t info -c -o name -S 'open=1k'
t info -c -o name -S 'open=x'
t info -c -o name -S 'open=1 1'
t info -c -o name -S 'name>alpha'
t info -c -o name -S 'name since 1'
t info -c -o name -S 'bogus=1'
t info -c -o name -S 'name'
t info -c -o name -S '(open=1'
t info -c -o name -S 'open=1)'
t info -c -o name -S 'name=~a'
t info -c -o name -S 'name=~^a'
t info -c -o name -S 'name!~a$'
t info -c -o name -S 'name=~(alpha|beta),open>0'
t info -c -o name -S 'name=~"^(al|be).*a$"'
t info -c -o name -S 'name=~"[ab]l"'
t info -c -o name -S 'name=~[ab]l'
t info -c -o name -S 'name=~"[^a-z]"'
t info -c -o name -S 'name=~"^[a-c-e]"'
t info -c -o name -S 'name=~"[-z]"'
t info -c -o name -S 'name=~"[z-a]"'
t info -c -o name -S 'name=~"[]a]"'
t info -c -o name -S 'name=~"q\[1\]"'
t info -c -o name -S 'name=~"A{2}"'
t info -c -o name -S 'name=~"a\.b\+c"'
t info -c -o name -S 'name=~"......"'
t info -c -o name -S 'name=~"^.....$"'
t info -c -o name -S 'name=~"n.l"'
t info -c -o name -S 'name=~"n[^a]l"'
t info -c -o name -S 'name=~"n\nl"'
t info -c -o name -S 'name=~"\x"'
t info -c -o name -S 'name=~"é"'
t info -c -o name -S 'name=~"al?p|^be+"'
t info -c -o name -S 'name=~"(al)+p"'
t info -c -o name -S 'name=~"(^|z)z"'
t info -c -o name -S 'name=~"a($|m)"'
t info -c -o name -S 'name=~"*"'
t info -c -o name -S 'name=~")"'
t info -c -o name -S 'name=~"|a"'
t info -c -o name -S 'name=~"a|"'
t info -c -o name -S 'name=~""'
t info -c -o name -S 'name=~'
t info -c -o name -S 'open=~1'
t info -c -o name,selected -S open=1
t info -c -o name -S selected=0
t info -c -o name,selected -S selected=0
t info -c -o name -S 'help=1'

# ls
t ls
t ls -o devno
t ls -o devname,devno
t ls -o bogus
t ls -o devno,active
t ls -c -o name
t ls -u UUID-a
t ls -v
t ls --noheadings
t ls --manglename none
t ls --target linear
t ls --target linear -o devname
t ls --target error
t ls --target error --manglename none
t ls --target nosuch
t ls --target ''
t ls --target linear --inactive
t ls --target zero --inactive
t ls --exec echo
t ls --exec 'echo x  "y z"'
t ls --exec false
t ls --exec nosuch-command
t ls --exec ''
t ls --exec echo --target zero
t ls --tree --exec echo
t ls --tree --target zero

# deps
t deps
t deps alpha
t deps alpha beta
t deps alpha nosuch beta
t deps nosuch
t deps -u UUID-a
t deps -u nosuch
t deps -j $M -m 1
t deps -j $M -m 77
t deps -o devname
t deps -o devname,blkdevname gamma
t deps -o bogus
t deps -o ascii
t deps --inactive
t deps --inactive alpha
t deps -v
t deps -v gamma
t deps --manglename none
t deps -c alpha
t deps inact
t deps /dev/mapper/gamma

# Trees
t ls --tree
t ls --tree -o ascii,notrunc
t ls --tree -o vt100,notrunc
t ls --tree -o utf,notrunc,uuid,active,open,rw
t ls --tree -o inverted,notrunc
t ls --tree -o nodevice
t ls --tree -o utf,nodevice,compact
t ls --tree -o utf,nodevice,inverted,compact
t ls --tree -o ascii,compact,open,notrunc
t ls --tree -o blkdevname,nodevice,notrunc gamma
t ls --tree -o bogus,x
t ls --tree -o devname
t ls --tree -c -o bogus
t ls --tree --target zero -o bogus
t ls --tree --target zero -o ascii
t ls --tree --exec echo -o devno
t ls --target zero -o ascii
t ls --tree -o ''
t ls --tree -o ascii,utf,device,nodevice
t ls --tree --manglename none -o nodevice
t ls --tree --noopencount -o open,nodevice
t ls --tree -u UUID-a -o nodevice
m remove zz
m remove a-very-long-name-for-a-device-that-is-wide
m create under-a-name-that-is-rather-long --table '0 64 error'
m create also-under-a-name-that-is-rather-long --table '0 64 error'
m create over --table '0 8 linear /dev/mapper/under-a-name-that-is-rather-long 0
8 8 linear /dev/mapper/also-under-a-name-that-is-rather-long 0'
m create over-it-all --table '0 8 linear /dev/mapper/over 0
8 8 linear /dev/mapper/alpha 0'
m create y1 -u xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx --table '0 8 zero'
m create y2 -u xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx --table '0 8 zero'
m create y3 -u xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx --table '0 8 zero'
t ls --tree -o nodevice,compact
t ls --tree -o nodevice,compact,utf
t ls --tree -o nodevice,compact,utf,notrunc
t ls --tree -o nodevice,compact,vt100
t ls --tree -o nodevice,compact,vt100,notrunc
t ls --tree -o nodevice,compact,inverted
t ls --tree -o nodevice,ascii,uuid,rw
t ls --tree -o nodevice,inverted
t ls --tree -o compact,notrunc

# splitname
t splitname vg-lv
t splitname vg--x-lv--y-real
t splitname a--b-c--d-e--f-g
t splitname a---b-c
t splitname a-b--
t splitname -- -a-
t splitname a-
t splitname ''
t splitname vg-lv lvm
t splitname vg-lv LVM -o all
t splitname vg-lv X --noheadings -o splitname_all
t splitname vg-lv -o vg_name,all
t splitname vg-lv -o name
t splitname vg-lv -o lv_name -O open
t splitname vg-lv -S uuid=
t splitname vg-lv -S vg_name=vg
t splitname vg-lv -S vg_name=x
t splitname vg-lv --rows --nameprefixes
t splitname vg-lv --count 2
t splitname vg-lv -o bogus
t splitname a-very-long-volume--group-a-very-long-logical--volume
t splitname
t splitname a b c
