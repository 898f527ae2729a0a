# gnuplot -e 'table="duality.txt"; picture="duality.svg"' examples/duality.gp       after  duality.py 200 512 60 duality.txt
set terminal svg size 640,420 enhanced background "white"
set output picture
set logscale xy
set xlabel "index"
set ylabel "eigenvalue"
set title "K = J J' on outputs and F = J' J on parameters share their spectrum"
plot table using 1:($2 > 0 ? $2 : 1/0) with lines lw 2 title "all of K", table using 1:3 with points pt 6 title "F by Lanczos, no matrix"
