# gnuplot -e "table='reality.csv'; picture='reality.svg'" examples/reality.gp: the table of examples/reality.c
set terminal svg size 960,440 background "white"
set output picture
set datafile separator ","
set multiplot layout 1, 2
set xlabel "width"
set logscale xy
set format y "%g"
set key bottom left
set title "after training, erf (lines) and relu (points)"
plot for [j=1:4] table index 0 using 1:(column(j + 1)) with lines linetype j title word("kernel linearisation theory new-inputs", j), \
     for [j=1:4] table index 0 using 1:(column(j + 5)) with points linetype j notitle
set xlabel "step"
unset logscale x
set title "loss at width 8192"
plot table index 1 using 1:2 every 2 with points title "erf, network", table index 1 using 1:3 with lines title "theory", \
     table index 1 using 1:4 every 2 with points title "relu, network", table index 1 using 1:5 with lines title "theory"
unset multiplot
