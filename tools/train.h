/* What `ntk train` holds, and the file that it goes on from. */
#ifndef NTK_TOOLS_TRAIN_H
#define NTK_TOOLS_TRAIN_H

#include "tool.h"

enum { RUNS = 2 }; /* the network, and the one that is linear in its parameters */

/* Between two checkpoints during a run. */
#define CHECKPOINT_SECONDS 5

typedef struct run {
    ntk_trainer *trainer;
    array path;       /* [records, n, o]; [1, n, o] if only the last is kept */
    array loss;       /* [records] */
    int64_t recorded; /* records that are there */
} run;

typedef struct training {
    ntk_network *network;
    ntk_optimizer *optimizer; /* frozen D, or NULL */
    ntk_trainer_options options;
    array theta, x, x_test, d, end;
    targets y;
    run run[RUNS];
    int runs;
    int64_t steps, every, records;
} training;

/* The step that record r belongs to. */
static inline int64_t training_step(const training *j, int64_t r)
{
    return r * j->every < j->steps ? r * j->every : j->steps;
}

/* ---- checkpoint.c ---- */

/* Goes on from --checkpoint, if it is given and exists. */
int checkpoint_read(tool *t, training *j);

/* Where training stands, under that name; whole or not at all. */
int checkpoint_write(tool *t, const training *j);

#endif
