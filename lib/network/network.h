/*
 * network: the description.  A tree of layers, as the user wrote it, and a straight-line program, as both readings
 * (lib/finite with parameters, lib/infinite without) execute it.
 *
 *   layer.c        one layer from its name and keys, checked against the op's table of keys
 *   ops.c          the table of ops           dense.c activation.c branch.c repeat.c identity.c   one op each
 *   activations.c  the table of activations   (records live with their closed forms, lib/infinite)
 *   compile.c      tree -> program: shapes, parameter offsets, repeats unrolled
 *   json.c         tree <-> JSON              builder.c   tree from calls
 *   network.c      the handle
 *
 * A new op is one record here and one line in ops.c; its finite and infinite readings are one file each in their rooms.
 * A new activation is one file in lib/infinite and one line in activations.c.
 */
#ifndef NTK_NETWORK_H
#define NTK_NETWORK_H

#include "core.h"

#define NTK_MAX_KEYS 8

typedef struct ntk_layer ntk_layer;
typedef struct ntk_step ntk_step;
typedef struct ntk_compiler ntk_compiler;

/* ---- keys ------------------------------------------------------------------------------------------------------ */

typedef enum ntk_key_type { NTK_KEY_INTEGER, NTK_KEY_NUMBER, NTK_KEY_BOOLEAN, NTK_KEY_CHOICE } ntk_key_type;

/** One key that a layer takes.  Values are kept as doubles: a boolean as 0 or 1, a choice as its index. */
typedef struct ntk_key {
    const char *name; /* NULL ends the table */
    ntk_key_type type;
    bool required;
    double fallback;            /* value when absent and not required */
    double least;               /* smallest value allowed; -INFINITY: any finite one */
    const char *const *choices; /* NULL-terminated, for NTK_KEY_CHOICE */
} ntk_key;

/* ---- activations ----------------------------------------------------------------------------------------------- */

struct ntk_dual; /* lib/infinite: the closed form of E[phi(u) phi(v)] */

/** An elementwise function.  `p` are the values of its keys, in their order. */
typedef struct ntk_activation {
    const char *name;
    const ntk_key *keys; /* NULL: none */
    double (*value)(const double *p, double x);
    double (*derivative)(const double *p, double x); /* at a kink the left derivative */
    const struct ntk_dual *dual;                     /* NULL: no closed form */
    const char *note;                                /* its famous names and special cases */
} ntk_activation;

extern const ntk_activation *const ntk_activations[]; /* NULL-terminated */

/* ---- ops ------------------------------------------------------------------------------------------------------- */

struct ntk_finite_op;   /* lib/finite */
struct ntk_infinite_op; /* lib/infinite */

/** What kind of lists of layers an op holds. */
typedef enum ntk_children { NTK_NO_CHILDREN, NTK_ONE_LIST, NTK_LISTS } ntk_children;

typedef struct ntk_op {
    const char *name;
    const ntk_key *keys;      /* NULL: none; of an activation, those of its record */
    ntk_children children;
    const char *children_key; /* "branches", "layers" */
    /** Appends what the layer does to value `input` and says where the result is.  Checks the shapes. */
    ntk_status (*compile)(ntk_compiler *c, const ntk_layer *layer, int input, int *output);
    const struct ntk_finite_op *finite;     /* NULL for ops that leave no step (identity, repeat) */
    const struct ntk_infinite_op *infinite; /* the same */
} ntk_op;

extern const ntk_op *const ntk_ops[]; /* NULL-terminated; without the activations, which share ntk_op_activation */
extern const ntk_op ntk_op_dense, ntk_op_activation, ntk_op_branch, ntk_op_repeat, ntk_op_identity;

/** Indices into ntk_layer.value of the parametric ops.  Every parametric op opens its key table with these. */
enum { NTK_DENSE_UNITS, NTK_DENSE_W_STD, NTK_DENSE_B_STD, NTK_DENSE_PARAMETERIZATION, NTK_DENSE_TRAIN, NTK_DENSE_LR };
typedef enum ntk_parameterization { NTK_PARAMETERIZATION_NTK, NTK_PARAMETERIZATION_STANDARD, NTK_PARAMETERIZATION_TEXTBOOK } ntk_parameterization;
extern const char *const ntk_parameterization_choices[];

enum { NTK_BRANCH_MERGE };
typedef enum ntk_merge { NTK_MERGE_SUM } ntk_merge;

/* ---- the tree -------------------------------------------------------------------------------------------------- */

typedef struct ntk_layer_list {
    int64_t count, capacity;
    ntk_layer **layers;
} ntk_layer_list;

struct ntk_layer {
    const ntk_op *op;
    const ntk_activation *activation; /* of ntk_op_activation, else NULL */
    double value[NTK_MAX_KEYS];       /* by index into the key table, fallbacks filled in */
    bool given[NTK_MAX_KEYS];         /* written by the user */
    int64_t n_lists;
    ntk_layer_list *lists;
    char *path; /* "layers[3].branches[0][1]" */
};

/** The key table of a layer. */
const ntk_key *ntk_layer_keys(const ntk_layer *layer);

/** A layer without children.  Unknown names and keys, wrong types and ranges: NETWORK with the path. */
ntk_status ntk_layer_create(ntk_context *ctx, const char *path, const char *name, const ntk_attribute *attributes, ntk_layer **layer);
ntk_status ntk_layer_copy(ntk_context *ctx, const ntk_layer *layer, ntk_layer **copy);
void ntk_layer_destroy(ntk_layer *layer);
ntk_status ntk_layer_add_list(ntk_context *ctx, ntk_layer *layer);
ntk_status ntk_layer_list_append(ntk_context *ctx, ntk_layer_list *list, ntk_layer *layer);
void ntk_layer_list_clear(ntk_layer_list *list);

/* ---- the program ----------------------------------------------------------------------------------------------- */

/** A value of the program: the data after a step.  Value 0 is the input. */
typedef struct ntk_value {
    int ndim;
    int64_t shape[NTK_MAX_NDIM];
    int64_t size;    /* product of the extents, of one sample */
    bool parametric; /* a parametric layer lies between the input and this value */
    int last_use;    /* index of the last step that reads it; the number of steps for the result */
} ntk_value;

struct ntk_step {
    const ntk_op *op;
    const ntk_layer *layer;
    int n_inputs;
    int *inputs; /* values; owned by the program */
    int output;  /* value; outputs are 1, 2, 3, ... in the order of the steps */

    /* parametric steps only (parametric >= 0): weights [units, fan_in], then the bias [units] if there is one */
    int64_t parametric;       /* index in the order of the flat vector, else -1 */
    int64_t offset, n_parameters;
    int64_t units, fan_in;    /* fan_in = n of network-format.md */
    bool bias;
    bool first;               /* no parametric layer lies between it and the input */
    ntk_parameterization parameterization;
    double w_std, b_std;
    double rate;              /* "lr", 0 where "train" is false */
};

struct ntk_network {
    ntk_object object;
    int ndim;
    int64_t shape[NTK_MAX_NDIM]; /* of one input */
    ntk_parameterization parameterization;
    ntk_layer_list layers;

    int64_t n_values, n_steps;
    ntk_value *values;
    ntk_step *steps;
    int result; /* the value that the network delivers */
    int64_t n_parameters, n_parametric;
};

/** Multipliers of a parametric step's finite form z = weight_scale W x + bias_scale b, W ~ weight_draw N(0,1), b ~ bias_draw N(0,1). */
typedef struct ntk_affine {
    double weight_scale, bias_scale, weight_draw, bias_draw;
} ntk_affine;
ntk_affine ntk_step_affine(const ntk_step *step);

/** Takes over `layers` (emptied) and compiles. */
ntk_status ntk_network_create(ntk_context *ctx, int ndim, const int64_t *shape, ntk_parameterization parameterization, ntk_layer_list *layers, ntk_network **network);

/** Checks x [n] + input of the float type `dtype`, finite.  `name` opens the sentence. */
ntk_status ntk_network_check_input(ntk_context *ctx, const ntk_network *network, const char *name, const ntk_array *x, ntk_dtype dtype);

/** Numbers in one input. */
int64_t ntk_network_input_size(const ntk_network *network);

/* ---- the compiler, for the ops --------------------------------------------------------------------------------- */

struct ntk_compiler {
    ntk_context *ctx;
    ntk_network *network;
    int64_t value_capacity, step_capacity;
    int depth; /* nesting of lists */
};

const ntk_value *ntk_compiler_value(const ntk_compiler *c, int value);

/** Compiles the layers of a list one after the other. */
ntk_status ntk_compile_list(ntk_compiler *c, const ntk_layer_list *list, int input, int *output);

/** Appends a step that makes a value of this shape.  The caller fills in what a parametric step needs through *step. */
ntk_status ntk_compile_step(ntk_compiler *c, const ntk_layer *layer, int n_inputs, const int *inputs, int ndim, const int64_t *shape, ntk_step **step);

/** Makes the newest step parametric: rate, scales and place in the flat vector from the layer's keys and these sizes. */
ntk_status ntk_compile_parametric(ntk_compiler *c, ntk_step *step, int64_t units, int64_t fan_in);

#endif
