/*
 * finite: the network with parameters.
 *
 *   initialize.c   draws theta
 *   tape.c         runs the program: forward, tangent, backward; owns the values
 *   dense.c activation.c branch.c layer_norm.c    the finite reading of one op each
 *   columns.c      what the windows of a convolution read, as a matrix      conv.c conv_local.c      the convolutions over it
 *   conv_direct.c conv_hot.c      the same without that matrix
 *   linear.c       ops that are linear and without parameters      pool.c global_pool.c copy.c      of that kind
 *   max_pool.c attention.c aggregate.c
 *   sites.c        samples with masks and graphs, one at a time
 *   sum.c product.c concat.c          the merges of branch
 *   forward.c      forward, jvp, vjp, in chunks of samples      door.c      the public ones
 *   jacobian.c     J as an operator: the handle, products, rows      jacobian_dense.c      the same for the rooms above
 *   jacobian_network.c jacobian_matrix.c jacobian_callbacks.c jacobian_function.c      its sources
 *   jacobian_restrict.c jacobian_stack.c      chosen columns; several below each other
 *   guard.c        what a function of the caller has written
 *   strip.c        columns of a network's J, layer by layer from the last
 *   factors.c      J of dense layers and convolutions as outer products, layer by layer      factors_choose.c      which layers, and why not
 *   factors_shared.c      cotangents that all outputs share
 *
 * What computes with numbers is compiled for f64 and, with the names of finite_single.h, for f32 (lib/core/real.h).
 *
 * Values are [n, size] row-major, one per value of the program; a value with positions is [n, positions, channels].
 */
#ifndef NTK_FINITE_H
#define NTK_FINITE_H

#include "optimizer.h"

#if defined(NTK_SINGLE)
#include "finite_single.h"
#endif

/* ---- the tape -------------------------------------------------------------------------------------------------- */

/**
 * One run of a network on n samples.
 *
 * Backward carries `rows` cotangents per value, [rows, size]: of one functional of each sample (a vjp; rows = n), or of rows
 * first, first + 1, ... of J, whose row i belongs to sample i / o.  So all outputs go back in one pass of large products.
 */
typedef struct ntk_tape {
    ntk_context *ctx;
    const ntk_network *network;
    int64_t n;
    const ntk_real *theta; /* [p] */
    ntk_real **value;      /* by value, [n, size]; value[0] is x, the caller's */
    ntk_real **tangent;    /* by value, [n, size]; NULL stands for zero */
    ntk_real **cotangent;  /* by value, [rows, size]; NULL: none yet */
    const ntk_real *v;     /* [p]: the direction of the tangent */
    const double *graphs; /* of the samples, [n, V, V]; NULL: none */
    int64_t graph_size;   /* numbers from one to the next */
    int64_t rows;        /* cotangents: see above */
    int64_t first;       /* row 0 of the cotangents belongs to sample first / per_sample, and so on */
    int64_t per_sample;
    bool sum;            /* gradient: [p], added up over rows; else [rows, columns], written */
    int64_t column, columns; /* of J, those wanted: whole rows of weights and any biases (ntk_tape_share) */
    bool *wanted;        /* by value: does it depend on a parameter that is wanted?  Nothing goes back into the others */
    ntk_real *gradient;    /* NULL: not wanted, `take` is */
    void (*take)(void *user, const struct ntk_tape *t, const ntk_step *s); /* at each parametric step on the way back, or NULL */
    void *take_user;
} ntk_tape;

/**
 * How one op runs.  forward and tangent read value[] and tangent[] of the inputs and write those of the output, which the
 * tape has allocated.  backward reads cotangent[] of the output, adds to those of the inputs (ntk_tape_cotangent), and
 * puts the step's own parameters into the gradient.
 */
typedef struct ntk_finite_op {
    ntk_status (*forward)(ntk_tape *t, const ntk_step *s);
    ntk_status (*tangent)(ntk_tape *t, const ntk_step *s);
    ntk_status (*backward)(ntk_tape *t, const ntk_step *s);
} ntk_finite_op;

extern const ntk_finite_op ntk_finite_sum, ntk_finite_product, ntk_finite_concat; /* by the merge of a branch */

/** x: dense [n, input]; theta: dense [p].  Both stay the caller's.  On failure there is nothing to close. */
ntk_status ntk_tape_open(ntk_context *ctx, const ntk_network *network, int64_t n, const ntk_real *theta, const ntk_real *x, ntk_tape *tape);
void ntk_tape_close(ntk_tape *t);

/** Computes the values.  `keep` all of them, as tangent and backward need; else each goes with the last step that reads it. */
ntk_status ntk_tape_forward(ntk_tape *t, bool keep);
/** out: dense [n, o] = J v.  After a forward that kept the values. */
ntk_status ntk_tape_tangent(ntk_tape *t, const ntk_real *v, ntk_real *out);
/** gradient [p] += Jᵀ u, u dense [n, o].  After a forward that kept the values. */
ntk_status ntk_tape_backward(ntk_tape *t, const ntk_real *u, ntk_real *gradient);
/** out: dense [count, p] = rows [first, first + count) of J; NULL: only what `take` sees.  After a forward that kept the values. */
ntk_status ntk_tape_rows(ntk_tape *t, int64_t first, int64_t count, ntk_real *out);
/** Columns [column, column + columns) of those rows, dense [count, columns]. */
ntk_status ntk_tape_columns(ntk_tape *t, int64_t first, int64_t count, int64_t column, int64_t columns, ntk_real *out);

/** out: dense [n, parameters of the step] = the gradients of one step by the cotangents delta [n, size] of its output, which go to the tape. */
ntk_status ntk_tape_step_rows(ntk_tape *t, const ntk_step *s, ntk_real *delta, ntk_real *out);

/** For the ops: what of a step's parameters is wanted, rows of weights [unit, unit + units) and biases; and the place of a parameter in row r of J. */
typedef struct ntk_share {
    int64_t unit, units, bias, biases;
} ntk_share;
ntk_share ntk_tape_share(const ntk_tape *t, const ntk_step *s);
static inline ntk_real *ntk_tape_place(const ntk_tape *t, int64_t row, int64_t parameter) { return t->gradient + row * t->columns + (parameter - t->column); }

/** For the ops: the sample of a row of cotangents, and numbers per sample of a value. */
static inline int64_t ntk_tape_sample(const ntk_tape *t, int64_t row) { return (t->first + row) / t->per_sample; }
static inline int64_t ntk_tape_size(const ntk_tape *t, int value) { return t->network->values[value].size; }

/** For the ops: the cotangent to add to, zero at first; *cotangent = NULL where none is wanted (no parameters before it). */
ntk_status ntk_tape_cotangent(ntk_tape *t, int value, ntk_real **cotangent);

/** The same for one that writes where nothing stands yet: *fresh, and the numbers are not zeroed. */
ntk_status ntk_tape_cotangent_fresh(ntk_tape *t, int value, ntk_real **cotangent, bool *fresh);

/** For elementwise ops: the cotangent of `from`, which the step is done with, becomes that of `to` where that has none yet; false: it has, or is not
 *  wanted. */
bool ntk_tape_pass_on(ntk_tape *t, int from, int to);

/** A block of [count, size of the value] numbers, not zeroed. */
ntk_status ntk_tape_block(ntk_tape *t, int64_t count, int value, ntk_real **block);

/** Slopes of an activation's step at its input, [n, size]. */
ntk_status ntk_finite_slopes(ntk_tape *t, const ntk_step *s, ntk_real *out);

/* ---- ops that share their ways --------------------------------------------------------------------------------- */

/** reads [positions_out, taps]: the input position of each tap, row-major over all axes, -1 outside; to be freed. */
ntk_status ntk_window_list_reads(ntk_context *ctx, const ntk_window *w, int64_t **reads);

/** The columns of a convolution's step, a block at a time.  A row is a (sample, output position), numbered in that order. */
typedef struct ntk_columns {
    ntk_context *ctx;
    int64_t positions, taps, channels;
    int64_t in;     /* numbers of one input */
    int64_t rows;   /* that the block may hold */
    int64_t *reads; /* [positions, taps] */
    ntk_real *block;  /* [rows, taps channels] */
} ntk_columns;

/** To be closed, also after a failure. */
ntk_status ntk_columns_open(ntk_tape *t, const ntk_step *s, ntk_columns *c);
void ntk_columns_close(ntk_columns *c);
/** block = the columns of rows first, first + step, ...; step is 1, or `positions`: one position of several samples. */
void ntk_columns_gather(const ntk_columns *c, const ntk_real *x, int64_t first, int64_t step, int64_t rows);
/** dx += the block, each number where it would have been gathered from. */
void ntk_columns_scatter(const ntk_columns *c, int64_t first, int64_t step, int64_t rows, ntk_real *dx);

/** Do convolutions go without columns (conv_direct.c)?  Then Z += scale conv(X), and dX = (fresh) or += scale convᵀ(cotangent); false in *done: not this one. */
bool ntk_conv_goes_direct(const ntk_context *ctx);
ntk_status ntk_conv_direct(const ntk_tape *t, const ntk_step *s, const ntk_columns *c, double scale, const ntk_real *x, const ntk_real *theta, ntk_real *z);
ntk_status ntk_conv_direct_back(const ntk_tape *t, const ntk_step *s, const ntk_columns *c, double scale, bool fresh, ntk_real *dx, bool *done);

/** And the rows' gradients of weights, where channels fill registers. */
bool ntk_conv_gradient_goes_direct(const ntk_context *ctx, const ntk_columns *c);
ntk_status ntk_conv_direct_rows(const ntk_tape *t, const ntk_step *s, const ntk_columns *c, const ntk_share *share, double scale);

/** A linear map without parameters: y = A x (written), and dx += Aᵀ dy, row by row. */
typedef struct ntk_linear {
    ntk_status (*apply)(ntk_tape *t, const ntk_step *s, int64_t rows, const ntk_real *x, ntk_real *y);
    ntk_status (*add_transposed)(ntk_tape *t, const ntk_step *s, int64_t rows, const ntk_real *dy, ntk_real *dx);
} ntk_linear;

ntk_status ntk_linear_forward(ntk_tape *t, const ntk_step *s, const ntk_linear *map);
ntk_status ntk_linear_tangent(ntk_tape *t, const ntk_step *s, const ntk_linear *map);
ntk_status ntk_linear_backward(ntk_tape *t, const ntk_step *s, const ntk_linear *map);

/** The record of a file whose map is apply() and add_transposed(). */
#define NTK_LINEAR_OP(name)                                                                                            \
    static const ntk_linear map = {apply, add_transposed};                                                             \
    static ntk_status forward(ntk_tape *t, const ntk_step *s) { return ntk_linear_forward(t, s, &map); }               \
    static ntk_status tangent(ntk_tape *t, const ntk_step *s) { return ntk_linear_tangent(t, s, &map); }               \
    static ntk_status backward(ntk_tape *t, const ntk_step *s) { return ntk_linear_backward(t, s, &map); }             \
    const ntk_finite_op name = {forward, tangent, backward};

/* ---- in chunks ------------------------------------------------------------------------------------------------- */

/** Samples (or rows) that may be on a tape at once when each holds `copies` numbers per number of the network's values:
 *  as many as fit the budget in bytes, at least 1.  MEMORY_LIMIT if not even one fits the limit of the context. */
ntk_status ntk_finite_chunk(ntk_context *ctx, const ntk_network *network, int copies, double budget, int64_t *chunk);

/** Budgets of the passes: bytes of values on the tape of a forward pass, a jvp or a vjp; behind a block of rows of J; behind its factors,
 *  few enough that they stay in a cache. */
#define NTK_TAPE_BUDGET (256.0 * 1048576)
#define NTK_JACOBIAN_BUDGET (64.0 * 1048576)
#define NTK_FACTORS_BUDGET (16.0 * 1048576)

/** At most the bytes of the columns of one convolution. */
double ntk_columns_bytes(const ntk_network *network);

/** At most the bytes that n samples in such chunks hold; and about the flop of the forward pass of one. */
double ntk_finite_tape_bytes(const ntk_context *ctx, const ntk_network *network, int64_t n, int copies, double budget);
double ntk_finite_forward_flops(const ntk_network *network);

/** Refuses attention whose embedding no finite network draws. */
ntk_status ntk_finite_attention_check(ntk_context *ctx, const ntk_network *network, const ntk_step *s);

/** Refuses a network with an op that has no finite reading. */
ntk_status ntk_finite_check_network(ntk_context *ctx, const ntk_network *network);

/** OVERFLOW with the place if a result holds a number that is not finite: a vector, or rows first, first + 1, ... of `width` numbers. */
ntk_status ntk_finite_check_vector(ntk_context *ctx, const char *name, int64_t count, const ntk_real *values);
ntk_status ntk_finite_check_rows(ntk_context *ctx, const char *name, int64_t first, int64_t rows, int64_t width, const ntk_real *values);

/** theta [p] of a seed. */
ntk_status ntk_finite_draw(ntk_context *ctx, const ntk_network *network, uint64_t seed, void *theta);
ntk_status ntk_finite_draw_f32(ntk_context *ctx, const ntk_network *network, uint64_t seed, void *theta);

/* Dense in, dense out; arguments are trusted, results are finite or an error.  For the rooms above. */

/** f [n, o] = f(x). */
ntk_status ntk_finite_forward(ntk_context *ctx, const ntk_network *network, int64_t n, const void *theta, const void *x, void *f);
/** df [n, o] = J v. */
ntk_status ntk_finite_jvp(ntk_context *ctx, const ntk_network *network, int64_t n, const void *theta, const void *x, const void *v, void *df);
/** g [p] = Jᵀ u. */
ntk_status ntk_finite_vjp(ntk_context *ctx, const ntk_network *network, int64_t n, const void *theta, const void *x, const void *u, void *g);

/* The same in f32, for files that are compiled once. */
ntk_status ntk_finite_forward_f32(ntk_context *ctx, const ntk_network *network, int64_t n, const void *theta, const void *x, void *f);
ntk_status ntk_finite_jvp_f32(ntk_context *ctx, const ntk_network *network, int64_t n, const void *theta, const void *x, const void *v, void *df);
ntk_status ntk_finite_vjp_f32(ntk_context *ctx, const ntk_network *network, int64_t n, const void *theta, const void *x, const void *u, void *g);

/* ---- masks and graphs (sites.c) --------------------------------------------------------------------------------- */

/** Refuses a structure that theta does not fit: a cropped sample has the parameters of the whole. */
ntk_status ntk_finite_check_sites(ntk_context *ctx, const ntk_network *network, const ntk_sites *sites);

/** The three functions and rows of J for samples as ntk_sites_pack() leaves them; without masks and graphs those above.  What belongs
 *  to positions that are not valid is 0. */
ntk_status ntk_finite_forward_at(ntk_context *ctx, const ntk_network *network, const ntk_sites *sites, const void *theta, const void *x, void *f);
ntk_status ntk_finite_jvp_at(ntk_context *ctx, const ntk_network *network, const ntk_sites *sites, const void *theta, const void *x, const void *v, void *df);
ntk_status ntk_finite_vjp_at(ntk_context *ctx, const ntk_network *network, const ntk_sites *sites, const void *theta, const void *x, const void *u, void *g);
ntk_status ntk_finite_forward_at_f32(ntk_context *ctx, const ntk_network *network, const ntk_sites *sites, const void *theta, const void *x, void *f);
ntk_status ntk_finite_rows_at(ntk_context *ctx, const ntk_network *network, const ntk_sites *sites, const ntk_real *theta, const ntk_real *x, int64_t first,
                              int64_t count, ntk_real *rows);

/** All rows of J, [n o, p], with sqrt(r) of each layer's rate. */
ntk_status ntk_jacobian_rows_at(ntk_context *ctx, const ntk_network *network, const ntk_sites *sites, const ntk_real *theta, const ntk_real *x, ntk_real *rows);

/* ---- Jacobians ------------------------------------------------------------------------------------------------- */

/** A Jacobian is a few functions over its source, in its type. */
typedef struct ntk_jacobian_class {
    const char *name;
    ntk_status (*apply)(ntk_context *ctx, const ntk_jacobian *j, const void *v, void *out);
    ntk_status (*apply_transposed)(ntk_context *ctx, const ntk_jacobian *j, const void *u, void *out);
    ntk_status (*rows)(ntk_context *ctx, const ntk_jacobian *j, int64_t first, int64_t count, void *out); /* [count, p] */
} ntk_jacobian_class;

extern const ntk_jacobian_class ntk_jacobian_of_network, ntk_jacobian_of_matrix, ntk_jacobian_restricted, ntk_jacobian_stacked;
extern const ntk_jacobian_class ntk_jacobian_of_network_f32, ntk_jacobian_of_matrix_f32, ntk_jacobian_restricted_f32, ntk_jacobian_stacked_f32;

struct ntk_jacobian {
    ntk_object object;
    const ntk_jacobian_class *class;
    ntk_dtype dtype; /* of what its class takes and gives */
    int64_t rows, columns, outputs;
    /* of a network */
    ntk_network *network;
    void *theta, *x;      /* dense copies; x as ntk_sites_pack() leaves it */
    ntk_sites sites;
    /* of a matrix */
    const void *matrix;   /* dense: the caller's own memory where it is dense, else copy */
    void *copy;
    /* of functions of the caller */
    ntk_jacobian_functions functions;
    /* of other Jacobians: of one its columns in `ranges`, or several below each other */
    const ntk_jacobian **parts;
    int64_t n_parts;
    ntk_range *ranges;
    int64_t n_ranges;
};

/** Rows [first, first + count) of J, dense [count, p].  For the rooms above; arguments are trusted.  In f64 of any J, in f32 of one of f32. */
ntk_status ntk_jacobian_dense_rows(ntk_context *ctx, const ntk_jacobian *j, int64_t first, int64_t count, void *out);
ntk_status ntk_jacobian_dense_rows_f32(ntk_context *ctx, const ntk_jacobian *j, int64_t first, int64_t count, void *out);

/** out [rows] = J v and out [p] = Jᵀ u, dense; the same. */
ntk_status ntk_jacobian_dense_apply(ntk_context *ctx, const ntk_jacobian *j, const void *v, void *out);
ntk_status ntk_jacobian_dense_apply_f32(ntk_context *ctx, const ntk_jacobian *j, const void *v, void *out);
ntk_status ntk_jacobian_dense_apply_transposed(ntk_context *ctx, const ntk_jacobian *j, const void *u, void *out);
ntk_status ntk_jacobian_dense_apply_transposed_f32(ntk_context *ctx, const ntk_jacobian *j, const void *u, void *out);

/** J of a dense matrix [rows, columns], which it owns from now on, also if this fails. */
ntk_status ntk_jacobian_own_matrix(ntk_context *ctx, double *matrix, int64_t rows, int64_t columns, int64_t outputs, ntk_jacobian **jacobian);

/** ARGUMENT or SHAPE where `outputs` o < 1 or does not divide the rows of `name`. */
ntk_status ntk_jacobian_check_outputs(ntk_context *ctx, const char *name, int64_t rows, int64_t outputs);

/** Memory for what a function of the caller writes: `count` numbers with a margin on both sides. */
typedef struct ntk_guard {
    double *block, *out;
    int64_t count;
} ntk_guard;

ntk_status ntk_guard_open(ntk_context *ctx, int64_t count, ntk_guard *guard);
void ntk_guard_close(ntk_guard *guard);
/** Marks every number as not written; the next call will write the first `count`. */
void ntk_guard_arm(ntk_guard *guard, int64_t count);
/** After a call of `function` that returned `code`: CALLBACK if it failed, left a number out, went beyond, or gave one that is not finite. */
ntk_status ntk_guard_check(ntk_context *ctx, const ntk_guard *guard, const char *function, int code);

/* ---- strips of J ----------------------------------------------------------------------------------------------- */

/** Columns [column, column + columns) of a network's J. */
typedef struct ntk_strip {
    int64_t column, columns;
    const bool *without; /* by parametric layer: these are left out; NULL: none */
} ntk_strip;

/**
 * The strip that ends where the last one began (at first: column = p): as many whole layers as `most` columns hold, or as much of one layer, a
 * row of weights at least; `single`: of one layer.  Frozen layers, whose columns are zero, and those `without` are left out.  False: none is left.
 */
bool ntk_strip_next(const ntk_network *network, int64_t most, bool single, ntk_strip *strip);
/** out [n o, columns] = a strip of J D^-1/2 of n samples; optimizer NULL: of J. */
ntk_status ntk_strip_rows(ntk_context *ctx, const ntk_network *network, const ntk_optimizer *optimizer, const ntk_real *theta, int64_t n, const ntk_real *x,
                          const ntk_strip *strip, ntk_real *out);
/** Of a layer with positions whose outputs share their cotangents (factors_shared.c) one row for all of them: M_i = gradient by s_i D^-1/2, out [n,
 *  parameters of the step], so that row (i, q) of J D^-1/2 is w_qu M_iu.  Is it one, and are pairs of outputs few? */
bool ntk_strip_shares(const ntk_network *network, const ntk_step *s, ntk_outputs outputs);
ntk_status ntk_strip_shared_rows(ntk_context *ctx, const ntk_network *network, const ntk_optimizer *optimizer, const ntk_real *theta, int64_t n, const ntk_real *x,
                                 const ntk_step *s, ntk_real *out);
/** Memory that it holds beside out. */
double ntk_strip_bytes(const ntk_context *ctx, const ntk_network *network, int64_t n);

/* ---- factors of J ---------------------------------------------------------------------------------------------- */

/**
 * One parametric layer: its columns of row (i, q) of J D^-1/2 are the sum over positions d of outer products cotangent_iqd input_idᵀ, or, where
 * the positions are `apart` (each has weights of its own), these products side by side.
 */
typedef struct ntk_factor {
    int64_t positions, width, units;
    bool apart;
    int64_t in;         /* numbers of inputs per sample */
    ntk_real *inputs;   /* [n, positions, width], of a convolution what it reads: [n, in]; NULL: no term (it learns at rate 0 or was not chosen) */
    bool shared;        /* do the outputs share one (factors_shared.c)? */
    int64_t rows;       /* of cotangents per sample and position: o, or 1 where they are shared */
    ntk_real *weights;  /* [o, units]: cotangent_iqu = weights_qu cotangents_iu; NULL: not shared, or a trace */
    ntk_real *root;     /* [units]: the root of the sum of their squares, of a trace; cotangents hold it */
    ntk_real *cotangents; /* full: [n, rows, positions, units], else [n, positions, rows, units]; NULL: all 1, of a layer with weights */
    int64_t taps, channels, *reads; /* of a convolution: as ntk_window_list_reads() */
    ntk_real *scale;    /* of the columns of inputs: [width], or of each position */
} ntk_factor;

typedef struct ntk_factors {
    ntk_outputs rule;
    int64_t outputs, count;
    ntk_factor *layers; /* in the order of the flat vector */
    ntk_real *f;        /* [n, o] */
} ntk_factors;

/** Sizes of a step's factor, and D of unit u and column c (the bias is the last) of one copy of its weights. */
int64_t ntk_factor_width(const ntk_step *s);
int64_t ntk_factor_positions(const ntk_network *network, const ntk_step *s);
double ntk_factor_d(const ntk_optimizer *optimizer, const ntk_step *s, int64_t copy, int64_t u, int64_t c);

/** Has every layer factors?  The second one fails with the layer and the reason if not.  And has none of them positions? */
bool ntk_factors_fit(const ntk_network *network, const ntk_optimizer *optimizer);
ntk_status ntk_factors_check(ntk_context *ctx, const ntk_network *network, const ntk_optimizer *optimizer);
bool ntk_factors_plain(const ntk_network *network);
/** Flop of a layer's term for a pair of samples: from its factors, from its rows of J. */
double ntk_factor_flops(const ntk_network *network, const ntk_step *s, ntk_outputs outputs);
double ntk_rows_flops(const ntk_network *network, const ntk_step *s, ntk_outputs outputs);
/** chosen: by parametric layer, does it have factors that are cheaper than its rows of J?  How many. */
int64_t ntk_factors_choose(const ntk_network *network, const ntk_optimizer *optimizer, ntk_outputs outputs, bool *chosen);
/** Memory for n samples; chosen NULL: of all layers. */
double ntk_factors_bytes(const ntk_network *network, const bool *chosen, ntk_dtype dtype, int64_t n);
/** For layers that have factors.  On failure there is nothing to clear. */
ntk_status ntk_factors_create(ntk_context *ctx, const ntk_network *network, const ntk_optimizer *optimizer, ntk_outputs outputs, const bool *chosen,
                              const ntk_real *theta, int64_t n, const ntk_real *x, ntk_factors *factors);
void ntk_factors_clear(ntk_factors *factors);
/** Rows of a panel of shared cotangents: a full kernel of more pairs of outputs does without. */
#define NTK_SHARED_PANEL 1024

/** Does a factor by this rule share cotangents?  Is the cotangent of output q at a step w_q o s, o elementwise, with one s for all outputs; is s = 1?  w [o, units], and s [n, positions, units]
 *  after a forward that kept the values. */
bool ntk_factor_shares(const ntk_network *network, const ntk_step *s, ntk_outputs rule);
bool ntk_factor_is_shared(const ntk_network *network, const ntk_step *s);
bool ntk_shared_is_flat(const ntk_network *network, const ntk_step *s);
void ntk_shared_weights(const ntk_network *network, const ntk_step *s, const ntk_real *theta, ntk_real *w);
ntk_status ntk_shared_slopes(ntk_tape *t, const ntk_step *s, ntk_real *out);
/** The inputs of samples and positions, dense [samples, positions, width]: where they stand, or gathered into `block`. */
const ntk_real *ntk_factor_inputs(ntk_context *ctx, const ntk_factor *f, int64_t sample, int64_t samples, int64_t position, int64_t positions, ntk_real *block);

#endif
