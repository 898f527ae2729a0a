# gnuplot -e "table='loss.csv'; picture='loss.svg'" examples/reduced_training.gp: the curves of examples/reduced_training.c
set terminal svg size 720,480 background "white"
set output picture
set datafile separator ","
set logscale y
set format y "10^{%T}"
set xlabel "training time"
set ylabel "loss"
set grid
set title "24 samples, and what a few balanced modes make of their training"
plot table skip 1 using 1:2 with lines linewidth 3 title "all 24 modes", \
     for [k = 3:5] table skip 1 using 1:k with lines dashtype k - 1 title sprintf("%d mode%s", k - 2, k > 3 ? "s" : "")
