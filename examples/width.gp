# gnuplot -e "table='width.csv'; picture='width.svg'" examples/width.gp: the table of examples/width.c
set terminal svg size 720,480 background "white"
set output picture
set datafile separator ","
set logscale xy 2
set format y "%.2g"
set xlabel "width"
set key bottom left
set title "A random network's kernel against its limit"
line(y0, exponent, w) = y0 * (w / 8) ** exponent
plot table skip 1 using 1:2 with linespoints title "scatter, fully connected", \
     table skip 1 using 1:5 with linespoints title "scatter, convolutional", \
     table skip 1 every ::::2 using 1:3:4 with yerrorlines title "bias, fully connected", \
     table skip 1 every ::::2 using 1:6:7 with yerrorlines title "bias, convolutional", \
     [8:128] line(0.5, -0.5, x) dashtype 2 title "width^{-1/2}", [8:128] line(0.04, -1, x) dashtype 3 title "1/width"
