/* What the files of `ntk gramian` share. */
#ifndef NTK_TOOLS_GRAMIAN_H
#define NTK_TOOLS_GRAMIAN_H

#include "tool.h"

typedef struct gramian_job {
    array gram, a, b, c, w, j, d;
    array times, start, samples, noise, reach; /* what it is used for */
    array hankel;                              /* values, if asked for */
    ntk_jacobian *jacobian;
    ntk_optimizer *optimizer;
    ntk_gram *operator;
    ntk_system *system;
} gramian_job;

/* ---- cmd_gramian_model.c: what both Gramians say together, and the picture ---- */

int gramian_save_hankel(tool *t, gramian_job *j);
int gramian_save_reduced(tool *t, const gramian_job *j);
int gramian_draw(tool *t, const gramian_job *j);

/* ---- cmd_gramian_uses.c: margins, directions, responses, reconstruction, the least energy ---- */

int gramian_read_uses(tool *t, gramian_job *j);
void gramian_free_uses(gramian_job *j);
int gramian_use(tool *t, const gramian_job *j, ntk_gramian which, double horizon);

#endif
