/*
 * network: the description.  A tree of layers, as the user wrote it, and a straight-line program, as both readings
 * (lib/finite with parameters, lib/infinite without) execute it.
 *
 *   suggest.c      sentences about unknown names, and about layers by their paths
 *   keys.c         one value checked against its key
 *   layer.c        one layer from its name and keys; lists of layers
 *   ops.c          the table of ops           dense.c activation.c branch.c repeat.c identity.c   one op each
 *   window.c       which positions a window reads: sizes, padding, strides, dilation
 *                  conv.c pool.c global_pool.c flatten.c layer_norm.c   the ops over positions
 *   blend.c        ops whose outputs are fixed mixtures of input positions, axis by axis      slice.c resize.c   of that kind
 *   dropout.c attention.c aggregate.c
 *   sites.c        masks and graphs, which come with the data
 *   activations.c  the table of activations   (records live with their closed forms, lib/infinite)
 *   compile.c      tree -> program: shapes, parameter offsets, repeats unrolled
 *   json.c         tree from JSON             format.c    JSON from the tree          builder.c   tree from calls
 *   network.c      the handle            widen.c    the same description at another width
 *
 * A new op is one record here and one line in ops.c; its finite and infinite readings are one file each in their rooms.
 * A new activation is one file in lib/infinite and one line in activations.c.
 */
#ifndef NTK_NETWORK_H
#define NTK_NETWORK_H

#include "core.h"

#define NTK_MAX_KEYS 24
#define NTK_MAX_SPATIAL 4 /* spatial axes: an input has at most 5, the last are channels */

/* Limits that keep a hostile description from exhausting memory, stack or time. */
#define NTK_MAX_NESTING 64       /* lists of layers inside each other; the outermost is the first */
#define NTK_MAX_UNROLLED 1000000 /* layers and lists, with every copy of a repeat */

typedef struct ntk_layer ntk_layer;
typedef struct ntk_step ntk_step;
typedef struct ntk_compiler ntk_compiler;

/* ---- keys ------------------------------------------------------------------------------------------------------ */

typedef enum ntk_key_type { NTK_KEY_INTEGER, NTK_KEY_NUMBER, NTK_KEY_BOOLEAN, NTK_KEY_CHOICE, NTK_KEY_INTEGERS, NTK_KEY_NUMBERS } ntk_key_type;

/** One key that a layer takes.  Values are kept as doubles: a boolean as 0 or 1, a choice as its index; lists as ntk_numbers. */
typedef struct ntk_key {
    const char *name; /* NULL ends the table */
    ntk_key_type type;
    bool required;
    double fallback;            /* value when absent and not required */
    double least;               /* smallest value allowed; -INFINITY: any finite one */
    const char *const *choices; /* NULL-terminated, for NTK_KEY_CHOICE */
    double most;                /* largest value allowed; 0: any finite one */
    bool nullable;              /* of a list: entries may be null, kept as NaN */
} ntk_key;

/** Where a value comes from says what it may mean: JSON tells integers, reals and booleans apart, the builder does not. */
typedef enum ntk_given_kind {
    NTK_GIVEN_INTEGER, /* JSON 3 */
    NTK_GIVEN_REAL,    /* JSON 3.0 */
    NTK_GIVEN_BOOLEAN, /* JSON true; `number` is 0 or 1 */
    NTK_GIVEN_TEXT,    /* a string, in `text` */
    NTK_GIVEN_NUMBER,  /* a number of the builder: any of the first three */
    NTK_GIVEN_INTEGERS, /* JSON [3, 4] */
    NTK_GIVEN_REALS,    /* JSON [3, 0.5] */
    NTK_GIVEN_LIST,    /* a list of the builder: either */
    NTK_GIVEN_OTHER    /* what no key takes; `text` says what it is: "a list" */
} ntk_given_kind;

typedef struct ntk_given {
    ntk_given_kind kind;
    double number;
    const char *text;
    const double *list;
    int64_t count;
} ntk_given;

/** The value of a list key: [0] is the count, the entries follow.  NULL: not given. */
typedef double *ntk_numbers;

/** The value of a key, or NETWORK with the path (NULL: of the network itself), what was given and what was expected. */
ntk_status ntk_key_read(ntk_context *ctx, const char *path, const ntk_key *key, const ntk_given *given, double *value);

/** The same for a list key: every entry is checked, and all are copied into *numbers. */
ntk_status ntk_key_read_list(ntk_context *ctx, const char *path, const ntk_key *key, const ntk_given *given, ntk_numbers *numbers);
static inline bool ntk_key_is_list(const ntk_key *key)
{
    return key->type == NTK_KEY_INTEGERS || key->type == NTK_KEY_NUMBERS;
}

/** `given` in words, for sentences: 3, "sum", true, a list. */
#define NTK_GIVEN_TEXT_SIZE 64
const char *ntk_given_text(char text[NTK_GIVEN_TEXT_SIZE], const ntk_given *given);

/* ---- sentences ------------------------------------------------------------------------------------------------- */

/** ntk_fail() with "path: " in front; NULL: none.  A long path loses its middle. */
ntk_status ntk_fail_at(ntk_context *ctx, ntk_status status, const char *path, const char *format, ...) __attribute__((format(printf, 4, 5)));

/** Name `index` of a table of any kind; NULL after the last. */
typedef const char *(*ntk_name_at)(const void *table, int index);

/** `"reluu" (did you mean "relu"?); expected one of dense, ...`: a name that the table lacks, the nearest, and all. */
#define NTK_UNKNOWN_TEXT 400
const char *ntk_unknown_text(char text[NTK_UNKNOWN_TEXT], const char *name, ntk_name_at at, const void *table);

/** `"text"`, shortened, without control characters. */
#define NTK_QUOTED_TEXT 48
const char *ntk_quoted(char quoted[NTK_QUOTED_TEXT], const char *text);

/** ntk_name_at of a NULL-terminated array of strings. */
const char *ntk_string_at(const void *strings, int index);

/* ---- activations ----------------------------------------------------------------------------------------------- */

struct ntk_dual; /* lib/infinite: the closed form of E[phi(u) phi(v)] */

/** An elementwise function.  `p` are the values of its keys, in their order; of a list key (then its only one) the count and the entries. */
typedef struct ntk_activation {
    const char *name;
    const ntk_key *keys; /* NULL: none */
    double (*value)(const double *p, double x);
    double (*derivative)(const double *p, double x); /* at a kink the left derivative */
    const struct ntk_dual *dual;                     /* NULL: no closed form */
    const char *note;                                /* its famous names and special cases */
    unsigned laws;                                   /* NTK_LAW_*: what the tests may demand of it, and the library */
} ntk_activation;

/** Laws of an activation's kernels that tests loop over the table by. */
enum {
    NTK_LAW_PRICE = 1,        /* E[phi' phi'] = d E[phi phi] / d q12: phi has no jumps (Price 1958) */
    NTK_LAW_HOMOGENEOUS = 2,  /* phi(c x) = c phi(x) for c > 0: K and Theta of (c x, c x') are c² times those of (x, x') */
    NTK_LAW_SHARP = 4,        /* its kernels of long inputs depend on how far these are apart, not on their angle alone: of erf K. is a peak of width 1/length */
};

extern const ntk_activation *const ntk_activations[]; /* NULL-terminated */

/** An activation that the program brought along (own.c): callbacks, and where they are not smooth.  Layers share it. */
#define NTK_OWN_BREAKS 16
typedef struct ntk_own {
    ntk_object object;
    ntk_activation record; /* what every activation has; value and derivative stay NULL */
    char *name;
    ntk_activation_fn value, derivative;
    void *user;
    int n_breaks;
    double breaks[NTK_OWN_BREAKS]; /* kinks and jumps, ascending */
    bool jump[NTK_OWN_BREAKS];     /* phi itself jumps */
} ntk_own;

/** y = f(x) by a callback; CALLBACK or NOT_FINITE with the layer's path, the activation's name and `what` f is. */
ntk_status ntk_own_call(ntk_context *ctx, const ntk_layer *layer, const char *what, ntk_activation_fn f, int64_t n, const double *x, double *y);

ntk_status ntk_own_create(ntk_context *ctx, const char *path, const ntk_activation_options *options, ntk_own **own);
void ntk_own_destroy(ntk_own *own);

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
    /** Appends what the layer does to value `input` and says where the result is.  Checks the shapes.  A layer leaves at
     *  most one step, with at most one input for itself and each of its lists: the program was allocated for that. */
    ntk_status (*compile)(ntk_compiler *c, const ntk_layer *layer, int input, int *output);
    const struct ntk_window_keys *window; /* where its keys of a window stand; NULL: it has none */
    /** How often the lists are compiled in sequence; NULL: once. */
    int64_t (*copies)(const ntk_layer *layer);
    /** Of a blend: row `o` of the weights [out, in] along a spatial axis, in + 0 ... in - 1 to `w`.  NULL: it is none. */
    void (*weights)(const ntk_layer *layer, int axis, int64_t in, int64_t out, int64_t o, double *w);
    const struct ntk_finite_op *finite[2];  /* by dtype; NULL: it leaves no step (identity, repeat), or this reading refuses it */
    const struct ntk_infinite_op *infinite; /* the same */
} ntk_op;

/* Compiled for either type (lib/core/real.h). */
extern const struct ntk_finite_op ntk_finite_dense, ntk_finite_activation, ntk_finite_branch, ntk_finite_layer_norm, ntk_finite_conv, ntk_finite_conv_local;
extern const struct ntk_finite_op ntk_finite_pool, ntk_finite_max_pool, ntk_finite_global_pool, ntk_finite_copy, ntk_finite_blend, ntk_finite_aggregate, ntk_finite_attention;
extern const struct ntk_finite_op ntk_finite_dense_f32, ntk_finite_activation_f32, ntk_finite_branch_f32, ntk_finite_layer_norm_f32, ntk_finite_conv_f32, ntk_finite_conv_local_f32;
extern const struct ntk_finite_op ntk_finite_pool_f32, ntk_finite_max_pool_f32, ntk_finite_global_pool_f32, ntk_finite_copy_f32, ntk_finite_blend_f32, ntk_finite_aggregate_f32, ntk_finite_attention_f32;

extern const struct ntk_infinite_op ntk_infinite_dense, ntk_infinite_activation, ntk_infinite_branch, ntk_infinite_layer_norm;

extern const struct ntk_infinite_op ntk_infinite_aggregate;
extern const struct ntk_infinite_op ntk_infinite_blend, ntk_infinite_dropout, ntk_infinite_attention;
extern const struct ntk_infinite_op ntk_infinite_conv, ntk_infinite_conv_local, ntk_infinite_pool, ntk_infinite_max_pool, ntk_infinite_global_pool, ntk_infinite_flatten;

extern const ntk_op *const ntk_ops[]; /* NULL-terminated; without the activations, which share ntk_op_activation */
extern const ntk_op ntk_op_dense, ntk_op_activation, ntk_op_branch, ntk_op_repeat, ntk_op_identity, ntk_op_layer_norm;
extern const ntk_op ntk_op_conv, ntk_op_conv_local, ntk_op_conv_transpose;
extern const ntk_op ntk_op_avg_pool, ntk_op_sum_pool, ntk_op_max_pool, ntk_op_global_avg_pool, ntk_op_global_sum_pool, ntk_op_flatten;
extern const ntk_op ntk_op_slice, ntk_op_resize, ntk_op_dropout, ntk_op_attention, ntk_op_aggregate;

/** Indices into ntk_layer.value of the parametric ops.  Every parametric op opens its key table with these. */
enum { NTK_DENSE_UNITS, NTK_DENSE_W_STD, NTK_DENSE_B_STD, NTK_DENSE_PARAMETERIZATION, NTK_DENSE_TRAIN, NTK_DENSE_LR };
typedef enum ntk_parameterization { NTK_PARAMETERIZATION_NTK, NTK_PARAMETERIZATION_STANDARD, NTK_PARAMETERIZATION_TEXTBOOK } ntk_parameterization;
extern const char *const ntk_parameterization_choices[];
extern const ntk_key ntk_parameterization_key; /* at the top of a network */

/* Of the convolutions, after those of every parametric op; conv_transpose has no dilation. */
enum { NTK_CONV_KERNEL = NTK_DENSE_LR + 1, NTK_CONV_STRIDES, NTK_CONV_PADDING, NTK_CONV_DILATION };
enum { NTK_POOL_WINDOW, NTK_POOL_STRIDES, NTK_POOL_PADDING, NTK_POOL_NORMALIZE_EDGES };
enum { NTK_BRANCH_MERGE, NTK_BRANCH_AXIS };
enum { NTK_REPEAT_TIMES };
enum { NTK_LAYER_NORM_AXES, NTK_LAYER_NORM_EPSILON };
enum { NTK_SLICE_START, NTK_SLICE_STOP, NTK_SLICE_STEP };
enum { NTK_RESIZE_SHAPE, NTK_RESIZE_METHOD };
enum { NTK_DROPOUT_KEEP };

/* Of attention.  Those of every parametric op that it lacks (w_std, parameterization) are places of its own keys. */
enum {
    NTK_ATTENTION_Q_STD = NTK_DENSE_W_STD, NTK_ATTENTION_MECHANISM = NTK_DENSE_PARAMETERIZATION,
    NTK_ATTENTION_HEADS = NTK_DENSE_LR + 1, NTK_ATTENTION_DIM_KEY, NTK_ATTENTION_DIM_VALUE, NTK_ATTENTION_LINEAR_SCALING,
    NTK_ATTENTION_K_STD, NTK_ATTENTION_V_STD, NTK_ATTENTION_O_STD,
    NTK_ATTENTION_POS_EMB, NTK_ATTENTION_POS_EMB_STD, NTK_ATTENTION_POS_EMB_DECAY, NTK_ATTENTION_POS_EMB_P_NORM, NTK_ATTENTION_VAL_POS_EMB,
};
typedef enum ntk_mechanism { NTK_MECHANISM_SOFTMAX, NTK_MECHANISM_IDENTITY, NTK_MECHANISM_ABS, NTK_MECHANISM_RELU } ntk_mechanism;
typedef enum ntk_pos_emb { NTK_POS_EMB_NONE, NTK_POS_EMB_SUM, NTK_POS_EMB_CONCAT } ntk_pos_emb;
typedef enum ntk_pos_emb_decay { NTK_DECAY_ONE_HOT, NTK_DECAY_RATIONAL, NTK_DECAY_EXPONENTIAL } ntk_pos_emb_decay;
typedef enum ntk_merge { NTK_MERGE_SUM, NTK_MERGE_PRODUCT, NTK_MERGE_CONCAT } ntk_merge;

/* ---- the tree -------------------------------------------------------------------------------------------------- */

typedef struct ntk_layer_list {
    int64_t count;
    ntk_layer **layers;
    char *path; /* "layers[3].branches[0]"; its layers append [0], [1], ... */
    int depth;  /* 1: the list of the network itself */
} ntk_layer_list;

struct ntk_layer {
    const ntk_op *op;
    const ntk_activation *activation; /* of ntk_op_activation, else NULL */
    ntk_own *own;                     /* where the activation is the program's own, else NULL */
    double value[NTK_MAX_KEYS];       /* by index into the key table, fallbacks filled in */
    bool given[NTK_MAX_KEYS];         /* written by the user */
    ntk_numbers numbers[NTK_MAX_KEYS]; /* of list keys; a single number stands as a list of one */
    int64_t n_lists;
    ntk_layer_list *lists;
    char *path; /* "layers[3].branches[0][1]" */
    int depth;  /* of the list it stands in */
};

/** The key table of a layer; empty rather than NULL. */
const ntk_key *ntk_layer_keys(const ntk_layer *layer);

/** `p` of a layer\'s activation. */
const double *ntk_layer_parameters(const ntk_layer *layer);

/** "dense", "relu": what the user wrote as "op". */
const char *ntk_layer_name(const ntk_layer *layer);

/** A layer that will be the next of `list`, all keys at their fallbacks.  An unknown name: NETWORK with the path. */
ntk_status ntk_layer_create(ntk_context *ctx, const ntk_layer_list *list, const char *name, ntk_layer **layer);
/** The same, of an activation of the program's own, which it shares. */
ntk_status ntk_layer_create_own(ntk_context *ctx, const ntk_layer_list *list, const ntk_activation_options *options, ntk_layer **layer);
/** Sets one key.  Unknown, set before, wrong type or range: NETWORK with the path. */
ntk_status ntk_layer_set(ntk_context *ctx, ntk_layer *layer, const char *key, const ntk_given *given);
/** Refuses a layer that lacks a required key. */
ntk_status ntk_layer_check(ntk_context *ctx, const ntk_layer *layer);
/** Opens one more list of layers. */
ntk_status ntk_layer_add_list(ntk_context *ctx, ntk_layer *layer);
void ntk_layer_destroy(ntk_layer *layer);

/** An empty list.  The path is copied. */
ntk_status ntk_layer_list_open(ntk_context *ctx, const char *path, int depth, ntk_layer_list *list);
/** The path that the next layer of the list will have; to be freed. */
ntk_status ntk_layer_list_next_path(ntk_context *ctx, const ntk_layer_list *list, char **path);
/** Takes the layer over if it succeeds. */
ntk_status ntk_layer_list_append(ntk_context *ctx, ntk_layer_list *list, ntk_layer *layer);
/** `copy` shall be zero. */
ntk_status ntk_layer_list_copy(ntk_context *ctx, const ntk_layer_list *list, ntk_layer_list *copy);
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
    int *inputs; /* values; inside ntk_network.inputs */
    int output;  /* value; outputs are 1, 2, 3, ... in the order of the steps */
    int entry;   /* the value that the layer was given: of a branch, what all its lists read */
    int64_t *parts; /* branch: extents of the inputs along `axis`; owned by the program */
    int axis;       /* branch: of concat, else the last */

    /* parametric steps only (parametric >= 0): weights [units, fan_in], then the bias [units] if there is one */
    int64_t parametric;       /* index in the order of the flat vector, else -1 */
    int64_t offset, n_parameters;
    int64_t copies;           /* of weights and bias: 1; of conv_local one per position, copy after copy: all weights, then all biases */
    int64_t units, fan_in;    /* fan_in = n of network-format.md; units also of a branch: the extent along its axis */
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
    bool parameterization_given; /* written by the user */
    ntk_layer_list layers;

    int64_t n_values, n_steps;
    ntk_value *values;
    ntk_step *steps;
    int *inputs; /* of all steps, one after the other */
    int64_t *parts; /* the same for ntk_step.parts */
    int result; /* the value that the network delivers */
    int64_t n_parameters, n_parametric;
};

/** Multipliers of a parametric step's finite form z = weight_scale W x + bias_scale b, W ~ weight_draw N(0,1), b ~ bias_draw N(0,1). */
typedef struct ntk_affine {
    double weight_scale, bias_scale, weight_draw, bias_draw;
} ntk_affine;
ntk_affine ntk_step_affine(const ntk_step *step);

/** The head of a description: all that stands beside its layers. */
typedef struct ntk_heading {
    int ndim;
    int64_t shape[NTK_MAX_NDIM];
    ntk_parameterization parameterization;
    bool parameterization_given;
} ntk_heading;

/** Fills in the input's shape: 1 to 5 extents of at least 1 (no more than 5 are read). */
ntk_status ntk_heading_set_input(ntk_context *ctx, ntk_heading *heading, int64_t ndim, const ntk_given *extents);
ntk_status ntk_heading_set_parameterization(ntk_context *ctx, ntk_heading *heading, const ntk_given *given);

ntk_heading ntk_network_heading(const ntk_network *network);

/** Takes over `layers` (emptied) and compiles. */
ntk_status ntk_network_create(ntk_context *ctx, const ntk_heading *heading, ntk_layer_list *layers, ntk_network **network);

/** Checks x [n] + input of the float type `dtype`, finite.  `name` opens the sentence. */
ntk_status ntk_network_check_input(ntk_context *ctx, const ntk_network *network, const char *name, const ntk_array *x, ntk_dtype dtype);

/** Numbers in one input. */
int64_t ntk_network_input_size(const ntk_network *network);

/* ---- what comes with the data ---------------------------------------------------------------------------------- */

/**
 * An ntk_structure checked and kept.  A masked sample is one of a smaller input: for each size that occurs the network is compiled
 * again (crops[0] is the network itself), so that masked = cropped by construction.
 */
typedef struct ntk_sites {
    int64_t n, nodes;  /* nodes: V of the graphs; 0: none */
    int64_t n_crops;   /* 0: there is no structure at all */
    ntk_network **crops;
    int32_t *crop;     /* [n]: which one a sample has */
    double *graph;     /* [n, V V]: of each sample its valid edges [v, v] in front; NULL: none */
} ntk_sites;

/** `structure` may be NULL.  `name` is that of x.  To be closed, also after a failure. */
ntk_status ntk_sites_open(ntk_context *ctx, const ntk_network *network, const char *name, int64_t n, const ntk_structure *structure, ntk_sites *sites);
void ntk_sites_close(ntk_sites *sites);

/** x, dense [n, input]: of each sample the valid numbers come to the front, in their order; the rest becomes 0. */
void ntk_sites_pack(const ntk_sites *sites, ntk_dtype dtype, void *x);

/** The network of sample i, and its graph (NULL: none). */
const ntk_network *ntk_sites_network(const ntk_sites *sites, const ntk_network *network, int64_t i);
const double *ntk_sites_graph(const ntk_sites *sites, int64_t i);

/** Nodes of the graph that the network asks for; 0: it has no aggregate. */
int64_t ntk_network_nodes(const ntk_network *network);

/** Where position p of a cropped value stands among those of the whole one, row-major. */
int64_t ntk_sites_place(const ntk_value *whole, const ntk_value *cropped, int64_t p);

/* ---- windows --------------------------------------------------------------------------------------------------- */

typedef enum ntk_padding { NTK_PADDING_VALID, NTK_PADDING_SAME, NTK_PADDING_CIRCULAR } ntk_padding;
extern const char *const ntk_padding_choices[];

/** Indices of an op's keys: of the extents, strides, padding, dilation (-1: none). */
typedef struct ntk_window_keys {
    int extents, strides, padding, dilation;
    bool transposed; /* output o, tap t reads input (o + t - low)/stride, not o stride + dilation t - low */
} ntk_window_keys;

/** A window along one axis: `in` positions are read at `kernel` taps for each of `out` positions. */
typedef struct ntk_window_axis {
    int64_t in, out, kernel, stride, dilation, low;
} ntk_window_axis;

/** The window of a step over all its spatial axes. */
typedef struct ntk_window {
    int ndim;
    ntk_padding padding;
    bool transposed;
    ntk_window_axis axis[NTK_MAX_SPATIAL];
    int64_t positions_in, positions_out, taps; /* products of in, out, kernel */
} ntk_window;

/** Fills in `out` and `low` from the rest (network-format.md, Padding).  False if no window fits or a size exceeds 63 bits.
 *  For an input cut to a valid length: once more, with that length as `in`. */
bool ntk_window_fit(ntk_padding padding, bool transposed, ntk_window_axis *a);

/** The input position that output o reads at tap t along an axis; -1: none, a zero. */
int64_t ntk_window_read(const ntk_window *w, int axis, int64_t o, int64_t t);

/** The window of a compiled step whose op has one. */
ntk_window ntk_step_window(const ntk_network *network, const ntk_step *step);

/* ---- attention ------------------------------------------------------------------------------------------------- */

/** A compiled step of attention: sizes, and where its weights stand in the flat vector (positions of the parameters; -1: there are none). */
typedef struct ntk_attention {
    ntk_mechanism mechanism;
    ntk_pos_emb pos_emb;
    ntk_pos_emb_decay decay;
    bool linear, val_pos_emb;
    int64_t heads, dim_key, dim_value, units, positions, channels;
    int64_t c, c_v; /* channels of queries and keys, of values */
    double q_std, k_std, v_std, o_std, pos_emb_std, p_norm;
    int64_t query, key, value, out, positional, bias, end;
} ntk_attention;
ntk_attention ntk_step_attention(const ntk_network *network, const ntk_step *step);

/** The covariance R of the embeddings of two positions of a value, row-major. */
double ntk_attention_covariance(const ntk_attention *a, const ntk_value *v, int64_t p, int64_t q);

/* ---- blends ---------------------------------------------------------------------------------------------------- */

/** Output position o is the sum over t of weight[o, t] times input position input[o, t] (-1: nothing), channel by channel. */
typedef struct ntk_blend {
    int64_t outputs, count;
    int64_t *input; /* [outputs, count] */
    double *weight;
} ntk_blend;

/** The blend of a compiled step whose op is one.  On failure there is nothing to close. */
ntk_status ntk_blend_open(ntk_context *ctx, const ntk_network *network, const ntk_step *step, ntk_blend *blend);
void ntk_blend_close(ntk_blend *blend);

/** Compiles a blend: the step from [extents..., channels of the input]. */
ntk_status ntk_compile_blend(ntk_compiler *c, const ntk_layer *layer, int input, const int64_t *extents, int *output);

/** NETWORK unless `input` has spatial axes, and the list of key `key`, if given, one entry or one for each of them. */
ntk_status ntk_compile_spatial_list(const ntk_compiler *c, const ntk_layer *layer, int key, int input);

/** Entry `axis` of a list key; a list of one stands for all axes.  `otherwise`: not given, or null. */
double ntk_layer_entry(const ntk_layer *layer, int key, int axis, double otherwise);

/** Which axes (counted from the front) a layer_norm takes its mean over; false if they do not suit. */
bool ntk_layer_norm_axes(const ntk_layer *layer, int ndim, bool chosen[NTK_MAX_NDIM]);

/* ---- the compiler, for the ops --------------------------------------------------------------------------------- */

struct ntk_compiler {
    ntk_context *ctx;
    ntk_network *network;
    int64_t n_inputs; /* of ntk_network.inputs in use */
};

/** Fills in the program of a network whose tree is whole. */
ntk_status ntk_network_compile(ntk_context *ctx, ntk_network *network);

const ntk_value *ntk_compiler_value(const ntk_compiler *c, int value);

/** Compiles the layers of a list one after the other. */
ntk_status ntk_compile_list(ntk_compiler *c, const ntk_layer_list *list, int input, int *output);

/** Appends a step that makes a value of this shape; the result is (*step)->output. */
ntk_status ntk_compile_step(ntk_compiler *c, const ntk_layer *layer, int n_inputs, const int *inputs, int ndim, const int64_t *shape, ntk_step **step);

/** Makes the newest step parametric: rate, scales and place in the flat vector from the layer's keys and these sizes. */
ntk_status ntk_compile_parametric(ntk_compiler *c, ntk_step *step, int64_t copies, int64_t units, int64_t fan_in);

/** The same for a layer of `count` parameters whose other fields of a parametric step the op fills in. */
ntk_status ntk_compile_parameters(ntk_compiler *c, ntk_step *step, int64_t count);

/** The window of a layer over the spatial axes of a value, or NETWORK with what does not fit. */
ntk_status ntk_compile_window(const ntk_compiler *c, const ntk_layer *layer, int input, ntk_window *window);

#endif
