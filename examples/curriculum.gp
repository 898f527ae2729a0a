# gnuplot -e "table='curriculum.csv'; picture='curriculum.svg'" examples/curriculum.gp: the table of examples/curriculum.c
set terminal svg size 720,480 background "white"
set output picture
set datafile separator ","
set xlabel "step"
set ylabel "loss against the target introduced so far"
set yrange [0:*]
plot for [i=1:3] table skip 1 using 1:(column(i + 1)) with lines linetype i title word("low-first high-first none", i), \
     for [i=1:3] table skip 1 using 1:(column(i + 4)) with points linetype i notitle
