# gnuplot -e "table='depth.csv'; picture='depth.svg'" examples/depth.gp: the table of examples/depth.c
set terminal svg size 960,420 background "white"
set output picture
set datafile separator ","
set logscale xy
set format y "%g"
set xlabel "depth"
set key bottom left
set multiplot layout 1, 2
set title "time until the loss is 1e-3: fixed step"
plot for [f=1:4] table using 1:(column(2 * f)) skip 1 with linespoints title word("linear linear-residual ReLU ReLU-residual", f)
set title "in steps of 1/lambda\\_max"
set yrange [1:100]
plot for [f=1:4] table using 1:(column(2 * f + 1)) skip 1 with linespoints notitle
unset multiplot
