# Command lines of `stats`, run one after the other on the same state: first by the stock tool under Linux, then by ours.
# dm-stats.test.ts says what `t`, $a and $b are. Counters are all zero: what is counted depends on who counts. Left out
# is what dmstats does otherwise: see docs/statistics.md.
t create sa --table "0 4096 linear $a 0
4096 1000 zero"
t create sb --table "0 4000 linear $b 0"
t create sc --notable

# Nothing there
t stats list
t stats report
t stats list sa
t stats list nosuch
t stats report nosuch
t stats print
t stats print sa
t stats print --allregions sa
t stats print --allregions --regionid 1 sa
t stats print --regionid 1 sa
t stats print --regionid 1 nosuch
t stats clear sa
t stats clear --regionid 1 nosuch
t stats clear --allregions
t stats create
t stats create nosuch
t stats create -u nosuch
t stats delete sa
t stats delete --allregions
t stats delete --regionid 0 --groupid 4 sa
t stats delete --regionid 3 sa
t stats delete --groupid 3 sa
t stats group sa
t stats group --regions 1
t stats group --regions 1 sa
t stats group --regions x sa
t stats ungroup sa
t stats ungroup --groupid 0
t stats ungroup --groupid 1 nosuch
t stats bogus

# create
t stats create sa
t stats create sa sb
t stats create --alldevices
t message sa 0 @stats_list
t stats delete --allregions --alldevices
t stats create sa --areas 4
t stats create sa --areas 0
t stats create sa --areas 7 --start 100 --length 50
t stats create sa --areasize 100
t stats create sa --areasize 64k
t stats create sa --areasize 64K
t stats create sa --areasize 513b
t stats create sa --areasize 100000k
t stats create sa --areasize 1m --start 1k --length 1M
t stats create sa --start 10
t stats create sa --start 512b --length 3S
t stats create sa --start 0 --length 0
t stats create sa --start 100000 --length 10
t stats create sa --length 1g
t stats create sa --length 1E
t stats create sa --areas 2 --areasize 10
t stats create sa --start ''
t stats create sa --length ''
t stats create sa --areasize ''
t message sa 0 @stats_list
t stats delete --allregions sa
t stats create sa --precise
t stats create sa --bounds 10ms,20ms
t stats create sa --bounds 10us,20ms
t stats create sa --bounds 100
t stats create sa --bounds 1,2,3
t stats create sa --bounds 1000us
t stats create sa --bounds 1001us,2s
t stats create sa --bounds 1ms,2s --precise
t stats create sa --bounds 1s --programid foo
t stats create sa --programid foo --userdata bar
t stats create sa --programid ''
t stats create sa --programid '' --force
t stats create sa --userdata -
t stats create sc
t stats create -j 4095 -m 77
t message sa 0 @stats_list
t message sc 0 @stats_list
t stats list
t stats list --allprograms
t stats list --programid foo
t stats list --programid nobody
t stats list --histogram --allprograms
t stats list --histogram --notimesuffix sa
t stats list -o region_id,hist_bounds,hist_ranges,precise sa
t stats print --allprograms --regionid 0 sa
t stats print --regionid 99 sa
t stats print --clear --regionid 1 sa
t stats clear --regionid 1 sa
t stats clear --regionid 99 sa
t stats delete --regionid 99 sa
t stats delete --regionid 1 sa
t stats delete --allregions --programid foo sa
t message sa 0 @stats_list
t stats delete --allregions --allprograms sa
t message sa 0 @stats_list
t stats delete --allregions --alldevices

# Segments and groups
t stats create sa --segments
t stats create sa --segments --alias seg --userdata hey
t stats create sa --segments --nogroup
t stats create sa --segments --areas 3
t stats create sb --segments sa
t message sa 0 @stats_list
t stats delete --allregions --alldevices
t stats create sa
t stats create sa --areas 3
t stats create sa --segments --nogroup
t stats create sa --segments --nogroup
t stats create sa --bounds 1ms
t stats create sa --bounds 1ms
t stats create sa --bounds 2ms
t stats create sa --bounds 1ms --precise
t stats create sa --programid foo
t stats group --regions 0,1 sa
t stats group --regions 2-3 --alias foo sa
t stats group --regions 2-3 sa
t stats group --regions 0,4 sa
t stats group --regions 10 sa
t stats group --regions 88 sa
t stats group --regions 4- sa
t stats group --regions 5-4 sa
t stats group --regions 6,8 sa
t stats group --regions 6,7 nosuch
t stats group --regions 5,4 sa
t message sa 0 @stats_list
t stats list sa
t stats list --group sa
t stats list --region sa
t stats list --area --units s sa
t stats create sb --segments
t stats list -v --units s sb
t stats list --area -v --histogram sb
t stats delete --groupid 0 sb
t stats list --group -o region_id,group_id,region_start,region_len,program_id sa
t stats ungroup --groupid 2 sa
t stats delete --regionid 1 sa
t message sa 0 @stats_list
t stats delete --regionid 0 sa
t message sa 0 @stats_list
t stats group --regions 2-3 sa
t stats delete --groupid 2 sa
t stats delete --groupid 2 sa
t message sa 0 @stats_list
t stats delete --allregions --allprograms --alldevices

# Reports
t stats create sa --areas 2 --bounds 1ms,2s
t stats create sa --length 10
t stats create sb --areasize 3000
t stats list
t stats list sb sa
t stats list --units b
t stats list --units k
t stats list --units M
t stats list --units 3m
t stats list --units H
t stats list --noheadings
t stats list --noheadings --separator ,
t stats list --separator /
t stats list --nameprefixes
t stats list --nameprefixes --unquoted --noheadings
t stats list --rows
t stats list -o name,region_id,area_count,obj_type
t stats list -o +user_data
t stats list -o stats_name,area_len,hist_bins
t stats list -O -region_len
t stats list -O area_count,-region_len
t stats list -S region_id=1
t stats list -S 'region_len>1m'
t stats list -S 'name=sa && region_id>0'
t stats list -S '(region_id=0||region_id=1) && name!=sb'
t stats list -o +selected -S region_id=1 sa
t stats report --area
t stats report --area --units s --noheadings sa
t stats report --area -o name,region_id,area_id,read_count,read_time,write_count,await,util,interval_ns
t stats report --area -o throughput,queue_size,hist_count sa
t stats report --area --count 2 --interval 1 -o stats_name,region_id,read_count sb
t stats report --region -o region_id,hist_count_bounds,hist_count_ranges,hist_percent_ranges -S region_id=0 sa
t stats report --region --noheadings -o region_id,hist_count_bounds,hist_percent -S region_id=0 sa
t stats report --programid nobody
t stats list -u nosuch
t stats list --alldevices

t stats delete --allregions --alldevices
t remove sa sb sc
