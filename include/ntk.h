/**
 * @file
 * @brief libntk: neural tangent kernels, exactly.  The whole public interface.
 */
/**
 * @mainpage libntk: neural tangent kernels, exactly
 *
 * Copyright (c) 2026 the libntk authors.  SPDX-License-Identifier: BSD-3-Clause
 *
 * This header is the whole public interface and its authoritative specification.
 *
 *
 * INTRODUCTION
 *
 * Gradient descent on a neural network f(theta, x) is governed by its Jacobian J = df/dtheta.  With the squared
 * error ½|f - y|² the outputs on the training set follow
 *
 *     df/dt = -K (f - y),      K = J Jᵀ   (the neural tangent kernel, NTK),
 *
 * and as the layers grow wide K becomes a deterministic function of the inputs, known in closed form.  libntk
 * computes both kernels, and what follows from them:
 *
 *     description             kernel                      on one data set         answers
 *     ntk_network ─infinite─> ntk_kernel ──── x ───────>  ntk_gram ─────────────> ntk_spectrum   (K and Fisher spectra)
 *         └ + parameters ───> ntk_jacobian ────────────>     │                    ntk_solver     (K + ridge)⁻¹
 *                                 ↑                          │                    ntk_predictor  (means, covariances)
 *                             ntk_optimizer (D)           user's own matrix       ntk_dynamics   (f(t), theta(t))
 *                                                                                 ntk_system     (Gramians)
 *
 * The main job, errors left out:
 *
 * @code
 *     ntk_context_create(NULL, &ctx);
 *     ntk_network_parse(ctx, json, &net);
 *     ntk_kernel_from_network(ctx, net, NULL, &kernel);
 *     ntk_gram_create(ctx, kernel, &x, NULL, &gram);
 *     ntk_predictor_create(ctx, gram, &y, &(ntk_predictor_options){NTK_PREDICTOR_OPTIONS_INIT, .ridge = 1e-3}, &model);
 *     ntk_predictor_mean(ctx, model, &x_test, &f_test);
 * @endcode
 *
 *
 * CONVENTIONS, true everywhere unless a function says otherwise
 *
 *  - Grammar.  `ntk_<noun>_<verb>`.  A call that can fail takes the caller's context first and returns ntk_status;
 *    a new handle comes out last.  If the call fails, the new handle is NULL and output arrays hold nothing of use.
 *    Arguments may not be NULL; options may (defaults).  `_destroy(NULL)` does nothing.  Getters borrow.
 *  - Threads.  A context belongs to one thread at a time.  Every other handle is immutable once made and may be used
 *    from several threads at once, each with its own context.  The library has no global state, never prints, never exits.
 *  - Lifetimes.  A handle keeps alive the handles it was made from, so handles may be destroyed in any order.  Data
 *    arrays are copied or only read during the call, except where "borrowed" stands: then the caller's memory must
 *    stay valid and unchanged until the handle that borrowed it *and every handle made from that* are destroyed.
 *  - Arrays.  Row-major unless their strides say otherwise.  Inputs are [n] + (shape of one input); outputs of a network
 *    [n, o].  Non-finite input is refused (NTK_ERROR_NOT_FINITE), and no function answers with a NaN.
 *  - Errors.  Any call with a context may fail with NULL (a required pointer), MEMORY, and, where its arguments can be so wrong,
 *    SHAPE, DTYPE, NOT_FINITE, OPTIONS, OVERFLOW; long ones with CANCELLED, large ones with MEMORY_LIMIT.  Comments list
 *    what a call adds to that, without the prefix NTK_ERROR_.  ntk_context_error_message() has the sentence.
 *  - Options.  A struct opens with its size, set by the macro beside it: `{NTK_..._OPTIONS_INIT, .ridge = 1e-3}`.  All other
 *    fields may stay 0, which is the default.  A NULL options pointer is all defaults.
 *  - Costs are flop and numbers held beside arguments and results; what is not stated is linear in the arrays.
 *  - Symbols.  n samples, d input size, o outputs, p parameters, L layers; K kernel, Theta its NTK flavour, F Fisher,
 *    J Jacobian, D preconditioner, y targets, eps the unit roundoff.
 *  - FISHER.  Here the Fisher matrix F is JᵀJ, summed over samples and outputs: the Gauss-Newton matrix of the squared
 *    error (the Fisher information of a Gaussian likelihood of unit variance).  It is not the softmax Fisher.
 *  - "trace" kernels are the MEAN over outputs, (1/o) tr, not the sum.
 *  - Precision.  NTK_F64 everywhere; functions that also work in NTK_F32 say so.
 *
 * CONTENTS
 *   1 Version                 7 Optimizers            13 Predictor
 *   2 Status                  8 Jacobians             14 Dynamics
 *   3 Arrays                  9 Kernels               15 Training as a linear system
 *   4 Context                10 Grams                 16 Choosing a design
 *   5 Networks               11 Spectrum and duality  17 Training
 *   6 Finite networks        12 Solver                18 Scalar mathematics
 */
#ifndef NTK_H
#define NTK_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Marks what the shared library exports. */
#if defined(__GNUC__)
#define NTK_API __attribute__((visibility("default")))
#else
#define NTK_API
#endif

/* ================================================================================================================= */
/**
 * @defgroup version 1  Version
 * @{
 */

#define NTK_VERSION_MAJOR 0        /**< changes with the ABI */
#define NTK_VERSION_MINOR 1        /**< new functions, options and enumerators */
#define NTK_VERSION_PATCH 0        /**< corrections */
#define NTK_VERSION_STRING "0.1.0" /**< "major.minor.patch" of this header */
/** One comparable number: 10000 major + 100 minor + patch. */
#define NTK_VERSION_NUMBER (10000 * NTK_VERSION_MAJOR + 100 * NTK_VERSION_MINOR + NTK_VERSION_PATCH)

/** The version of the library in use, as NTK_VERSION_STRING was when it was built.  Never fails; static memory. */
NTK_API const char *ntk_version(void);

/** The same as a number, comparable with NTK_VERSION_NUMBER. */
NTK_API int ntk_version_number(void);

/** The kernels that the BLAS in use runs, by OpenBLAS's names ("SkylakeX", "Haswell", ...); NULL where it cannot be asked.  Its memory. */
NTK_API const char *ntk_blas_kernels(void);

/** The kernels that OpenBLAS should run on this processor; NULL: not known, and its own choice stands.  Static memory. */
NTK_API const char *ntk_blas_right_kernels(void);

/** 1 if the kernels in use are for an older processor than this one (measured: up to 7 times slower), else 0.  OpenBLAS chooses when it is
 *  loaded: set OPENBLAS_CORETYPE to ntk_blas_right_kernels() before the program starts. */
NTK_API int ntk_blas_is_slow(void);

/** @} */

/* ================================================================================================================= */
/**
 * @defgroup status 2  Status
 * @{
 */

/** Every status: X(NAME, number, sentence).  The numbers are part of the ABI; gaps leave room within a group. */
#define NTK_STATUS_LIST(X)                                                                       \
    X(OK, 0, "success")                                                                          \
    X(ERROR_NULL, 1, "a required pointer is NULL")                                               \
    X(ERROR_ARGUMENT, 2, "an argument is out of its range")                                      \
    X(ERROR_SHAPE, 3, "array shapes do not fit together")                                        \
    X(ERROR_DTYPE, 4, "an array has a type this call does not take")                             \
    X(ERROR_NOT_FINITE, 5, "an input holds a NaN or an infinity")                                \
    X(ERROR_OPTIONS, 6, "an options struct has a wrong size or sets fields this version lacks")  \
    X(ERROR_OVERFLOW, 7, "a size or a result exceeds what its type can hold")                    \
    X(ERROR_MEMORY, 20, "out of memory")                                                         \
    X(ERROR_MEMORY_LIMIT, 21, "the job does not fit the memory limit of the context")            \
    X(ERROR_CANCELLED, 22, "the progress callback asked to stop")                                \
    X(ERROR_SYNTAX, 40, "the text is not valid JSON")                                            \
    X(ERROR_NETWORK, 41, "the network description is not valid")                                 \
    X(ERROR_NO_RULE, 42, "no exact rule is known for this network in the infinite-width limit")  \
    X(ERROR_NOT_POSITIVE_DEFINITE, 60, "the matrix is not positive definite")                    \
    X(ERROR_NOT_CONVERGED, 61, "an iteration did not converge")                                  \
    X(ERROR_UNSTABLE, 62, "the linear system has a mode that does not decay")                    \
    X(ERROR_UNREACHABLE, 63, "no input brings the linear system to this state")                  \
    X(ERROR_CALLBACK, 80, "a callback reported a failure")                                       \
    X(ERROR_UNSUPPORTED, 81, "this combination is not implemented")                              \
    X(ERROR_INTERNAL, 82, "a defect of the library; please report it")

#define NTK_STATUS_ENUMERATOR(name, number, sentence) NTK_##name = number,
/** What became of a call: NTK_OK, or one of the errors of NTK_STATUS_LIST. */
typedef enum ntk_status { NTK_STATUS_LIST(NTK_STATUS_ENUMERATOR) } ntk_status;
#undef NTK_STATUS_ENUMERATOR

/** A sentence for a status, e.g. "out of memory"; "unknown status" for other numbers.  Static memory. */
NTK_API const char *ntk_status_message(ntk_status status);

/*
 * Every enum has a pair `ntk_ENUM_name` and `ntk_ENUM_from_name`.  Names are lower case as in the command line
 * ("f64", "trace"); those of ntk_status are its constants without NTK_ ("ERROR_SHAPE").  `_name` returns NULL for a
 * number that is no enumerator; `_from_name` returns 1 and fills *value if the name is known, else 0.
 */

/** Type of array elements. */
typedef enum ntk_dtype {
    NTK_F64 = 0, /**< double */
    NTK_F32 = 1, /**< float */
    NTK_I64 = 2, /**< int64_t */
    NTK_U8 = 3   /**< uint8_t */
} ntk_dtype;
/** Which kernel: NTK (J Jᵀ) or NNGP (covariance of the outputs at initialisation). */
typedef enum ntk_kind {
    NTK_KIND_NTK = 0,  /**< J Jᵀ */
    NTK_KIND_NNGP = 1  /**< covariance of the outputs at initialisation */
} ntk_kind;
/** What an empirical kernel keeps of its o x o block per pair: all; the mean of its diagonal; its diagonal. */
typedef enum ntk_outputs {
    NTK_OUTPUTS_FULL = 0,     /**< all o x o numbers */
    NTK_OUTPUTS_TRACE = 1,    /**< the mean of the diagonal, one number */
    NTK_OUTPUTS_DIAGONAL = 2  /**< the diagonal, o numbers */
} ntk_outputs;

/** How an empirical kernel is computed. */
typedef enum ntk_algorithm {
    NTK_ALGORITHM_AUTO = 0,       /**< the cheapest that applies */
    NTK_ALGORITHM_STRUCTURED = 1, /**< layer by layer from inputs and cotangents, without J: dense layers and convolutions, D an outer product per layer */
    NTK_ALGORITHM_CONTRACTION = 2, /**< the rows of J: always */
    NTK_ALGORITHM_PRODUCTS = 3,    /**< grams of a Jacobian: no matrix; K v by one vjp and one jvp */
    NTK_ALGORITHM_MIXED = 4        /**< each layer by the cheaper of structured and contraction that applies; where that is one, it is reported */
} ntk_algorithm;
/** How dropout is read at infinite width; a finite network reads it at inference. */
typedef enum ntk_dropout {
    NTK_DROPOUT_TRAINING = 0, /**< K and Theta of a sample with itself, at one position, over keep */
    NTK_DROPOUT_INFERENCE = 1 /**< it changes nothing */
} ntk_dropout;
/** How a gram keeps its N x N entries. */
typedef enum ntk_storage {
    NTK_STORAGE_AUTO = 0,   /**< the library chooses: packed for a gram of a kernel */
    NTK_STORAGE_FULL = 1,   /**< all N² numbers */
    NTK_STORAGE_PACKED = 2, /**< N (N + 1)/2 numbers, LAPACK's rectangular full packed format; as fast */
    NTK_STORAGE_NONE = 3    /**< none: entries are computed whenever one asks for them; for solvers by conjugate gradients */
} ntk_storage;
/** Whose distribution a predictor describes; see ntk_predictor_create(). */
typedef enum ntk_posterior {
    NTK_POSTERIOR_NTK = 0,   /**< an ensemble of networks trained with the NTK */
    NTK_POSTERIOR_NNGP = 1,  /**< the last layer trained: the Gaussian process of the NNGP */
    NTK_POSTERIOR_NTKGP = 2  /**< the Gaussian process whose kernel is the NTK */
} ntk_posterior;
/** How a matrix is taken apart: Cholesky (fast; positive definite; t = infinity) or eigenvectors (any t, singular too). */
typedef enum ntk_decomposition {
    NTK_DECOMPOSITION_CHOLESKY = 0, /**< A = L Lᵀ */
    NTK_DECOMPOSITION_EIGEN = 1,    /**< A = Uᵀ diag(lambda) U */
    NTK_DECOMPOSITION_CG = 2        /**< none: conjugate gradients, by products with A alone */
} ntk_decomposition;
/** Squared error ½|f-y|² (SUM) or ½|f-y|²/(number of targets) (MEAN). */
typedef enum ntk_loss_scale {
    NTK_LOSS_SCALE_SUM = 0,  /**< ½|f-y|² */
    NTK_LOSS_SCALE_MEAN = 1  /**< ½|f-y|² / number of targets */
} ntk_loss_scale;
/** What training makes small, a sum over samples of f, y [o]; MEAN divides it by the number of targets, CROSS_ENTROPY by that of samples. */
typedef enum ntk_loss {
    NTK_LOSS_SQUARED_ERROR = 0, /**< ½|f - y|² */
    NTK_LOSS_CROSS_ENTROPY = 1, /**< -sum_k y_k log softmax(f)_k, y_k >= 0, o >= 2 */
    NTK_LOSS_LOGISTIC = 2,      /**< sum_k log(1 + exp f_k) - y_k f_k, 0 <= y_k <= 1: each output on its own */
    NTK_LOSS_HUBER = 3          /**< sum_k ½ e² for |e| <= delta, delta |e| - ½ delta² beyond, e = f_k - y_k */
} ntk_loss;
/** How a step of training follows from gradients. */
typedef enum ntk_descent {
    NTK_DESCENT_GD = 0,       /**< gradient descent */
    NTK_DESCENT_MOMENTUM = 1, /**< the heavy ball (Polyak 1964) */
    NTK_DESCENT_ADAM = 2      /**< Adam (Kingma & Ba 2015) */
} ntk_descent;
/** Where vectors live: the smaller of both sides; K's, N numbers; F's, p numbers. */
typedef enum ntk_space {
    NTK_SPACE_AUTO = 0,       /**< the smaller one */
    NTK_SPACE_FUNCTION = 1,   /**< K u = lambda u */
    NTK_SPACE_PARAMETERS = 2  /**< F v = lambda v */
} ntk_space;
/** Which Gramian. */
typedef enum ntk_gramian {
    NTK_GRAMIAN_OBSERVABILITY = 0,   /**< what of the state the outputs show */
    NTK_GRAMIAN_CONTROLLABILITY = 1  /**< what of the state the inputs can reach */
} ntk_gramian;
/** What ntk_design_measure() measures, in this order; later versions append. */
typedef enum ntk_measure {
    NTK_MEASURE_CONDITION = 0,           /**< lambda_max / lambda_min of K; infinity if K is singular */
    NTK_MEASURE_RANK = 1,                /**< eigenvalues above the tolerance of the spectrum */
    NTK_MEASURE_UNREACHABLE = 2,         /**< share of |y|² outside the range of K: never fitted */
    NTK_MEASURE_EFFECTIVE_DIMENSION = 3, /**< tr K (K + ridge)⁻¹ */
    NTK_MEASURE_ALIGNMENT = 4,           /**< <K, y yᵀ> / (|K| |y yᵀ|), Frobenius; in [0, 1] */
    NTK_MEASURE_LOG_EVIDENCE = 5,        /**< log p(y), see ntk_spectrum_log_evidence() */
    NTK_MEASURE_LOO_ERROR = 6,           /**< mean squared error, each sample predicted from the others */
    NTK_MEASURE_LOO_LOG_SCORE = 7,       /**< mean log density of a target given the others */
    NTK_MEASURE_LOO_ACCURACY = 8,        /**< share of samples whose largest output (one output: its sign) is right so */
    NTK_MEASURE_PREDICTED_ERROR = 9,     /**< mean squared error on new inputs after training on options.samples */
    NTK_MEASURE_TIME_TO_LOSS = 10,       /**< t with L(t) = options.fraction L(0), L = ½|f - y|², f(0) = 0; infinity: never */
    NTK_MEASURE_LARGEST_STEP = 11        /**< 2 / lambda_max: gradient descent on that loss diverges beyond */
} ntk_measure;
/** What ntk_tuner_evaluate() makes large. */
typedef enum ntk_objective {
    NTK_OBJECTIVE_EVIDENCE = 0, /**< log p(y), see ntk_spectrum_log_evidence() */
    NTK_OBJECTIVE_LOO = 1,      /**< mean log density of a target given all other samples */
    NTK_OBJECTIVE_LOO_ERROR = 2 /**< minus the mean squared error of each sample predicted from the others */
} ntk_objective;
/** Number of measures in this version. */
#define NTK_MEASURE_COUNT 12

/** @name Names of enumerators, and back
 *  @{ */
/** The name of `value`, static memory, or NULL; and the enumerator of `name`: 1 and *value, or 0 (also for NULL pointers). */
NTK_API const char *ntk_status_name(ntk_status value);
NTK_API int ntk_status_from_name(const char *name, ntk_status *value);
NTK_API const char *ntk_dtype_name(ntk_dtype value);
NTK_API int ntk_dtype_from_name(const char *name, ntk_dtype *value);
NTK_API const char *ntk_kind_name(ntk_kind value);
NTK_API int ntk_kind_from_name(const char *name, ntk_kind *value);
NTK_API const char *ntk_outputs_name(ntk_outputs value);
NTK_API int ntk_outputs_from_name(const char *name, ntk_outputs *value);
NTK_API const char *ntk_algorithm_name(ntk_algorithm value);
NTK_API int ntk_algorithm_from_name(const char *name, ntk_algorithm *value);
NTK_API const char *ntk_dropout_name(ntk_dropout value);
NTK_API int ntk_dropout_from_name(const char *name, ntk_dropout *value);
NTK_API const char *ntk_storage_name(ntk_storage value);
NTK_API int ntk_storage_from_name(const char *name, ntk_storage *value);
NTK_API const char *ntk_posterior_name(ntk_posterior value);
NTK_API int ntk_posterior_from_name(const char *name, ntk_posterior *value);
NTK_API const char *ntk_decomposition_name(ntk_decomposition value);
NTK_API int ntk_decomposition_from_name(const char *name, ntk_decomposition *value);
NTK_API const char *ntk_loss_scale_name(ntk_loss_scale value);
NTK_API int ntk_loss_scale_from_name(const char *name, ntk_loss_scale *value);
NTK_API const char *ntk_loss_name(ntk_loss value);
NTK_API int ntk_loss_from_name(const char *name, ntk_loss *value);
NTK_API const char *ntk_descent_name(ntk_descent value);
NTK_API int ntk_descent_from_name(const char *name, ntk_descent *value);
NTK_API const char *ntk_space_name(ntk_space value);
NTK_API int ntk_space_from_name(const char *name, ntk_space *value);
NTK_API const char *ntk_gramian_name(ntk_gramian value);
NTK_API int ntk_gramian_from_name(const char *name, ntk_gramian *value);
NTK_API const char *ntk_objective_name(ntk_objective value);
NTK_API int ntk_objective_from_name(const char *name, ntk_objective *value);
NTK_API const char *ntk_measure_name(ntk_measure value);
NTK_API int ntk_measure_from_name(const char *name, ntk_measure *value);
/** @} */

/** @} */

/* ================================================================================================================= */
/**
 * @defgroup arrays 3  Arrays
 * @{
 */

/** Most axes an array may have. */
#define NTK_MAX_NDIM 6

/**
 * A view of the caller's memory; part of the ABI.  Element (i, j, ...) is at data + i strides[0] + j strides[1] + ...,
 * counted in elements.  Strides may be negative or zero for input, never zero (beyond extent 1) for output.  The same
 * information as DLPack and NumPy carry, so both convert without a copy.
 */
typedef struct ntk_array {
    void *data;      /**< first element; may be NULL only if some extent is 0 */
    ntk_dtype dtype; /**< element type */
    int32_t ndim;    /**< 0 ... NTK_MAX_NDIM */
    int64_t shape[NTK_MAX_NDIM];   /**< extents, 0 or more; entries from ndim on are not read */
    int64_t strides[NTK_MAX_NDIM]; /**< elements from one index to the next */
} ntk_array;

/** Bytes of one element; 0 for an unknown dtype. */
NTK_API size_t ntk_dtype_size(ntk_dtype dtype);

/** A dense row-major view of `data` (borrowed), of type `dtype` and extents shape[0 ... ndim-1], of which at most NTK_MAX_NDIM are read. */
static inline ntk_array ntk_array_dense(const void *data, ntk_dtype dtype, int ndim, const int64_t *shape) {
    ntk_array a;
    int64_t step = 1;
    int i, m = ndim < 0 ? 0 : ndim > NTK_MAX_NDIM ? NTK_MAX_NDIM : ndim;
    a.data = (void *)(uintptr_t)data;
    a.dtype = dtype;
    a.ndim = ndim;
    for (i = 0; i < NTK_MAX_NDIM; ++i) { a.shape[i] = 1; a.strides[i] = 1; }
    for (i = m - 1; i >= 0; --i) {
        a.shape[i] = shape[i];
        a.strides[i] = step;
        step = (int64_t)((uint64_t)step * (uint64_t)(shape[i] > 0 ? shape[i] : 1));
    }
    return a;
}

/** A dense vector [n] of double; `data` is borrowed. */
static inline ntk_array ntk_vector_f64(const double *data, int64_t n) { return ntk_array_dense(data, NTK_F64, 1, &n); }

/** A dense row-major matrix [rows, columns] of double; `data` is borrowed. */
static inline ntk_array ntk_matrix_f64(const double *data, int64_t rows, int64_t columns) {
    int64_t shape[2];
    shape[0] = rows;
    shape[1] = columns;
    return ntk_array_dense(data, NTK_F64, 2, shape);
}

/** A dense row-major matrix [rows, columns] of float; `data` is borrowed. */
static inline ntk_array ntk_matrix_f32(const float *data, int64_t rows, int64_t columns) {
    int64_t shape[2];
    shape[0] = rows;
    shape[1] = columns;
    return ntk_array_dense(data, NTK_F32, 2, shape);
}

/** @} */

/* ================================================================================================================= */
/**
 * @defgroup context 4  Context
 * @{
 */

/** The caller's side of every call: memory, threads, messages, progress and the last error.  One thread at a time. */
typedef struct ntk_context ntk_context;
/** Description of a network: layers and shapes, no parameters.  Immutable. */
typedef struct ntk_network ntk_network;
/** A network under construction; with the trainer the only mutable handle beside the context. */
typedef struct ntk_builder ntk_builder;
/** J as an operator: rows = samples x outputs, columns = parameters.  Immutable. */
typedef struct ntk_jacobian ntk_jacobian;
/** What training does to a gradient before it is used: the diagonal D of D⁻¹.  Immutable. */
typedef struct ntk_optimizer ntk_optimizer;
/** A function of two inputs.  Immutable. */
typedef struct ntk_kernel ntk_kernel;
/** A kernel on one data set, as a symmetric operator.  Immutable. */
typedef struct ntk_gram ntk_gram;
/** Eigenvalues and vectors shared by K and F.  Immutable. */
typedef struct ntk_spectrum ntk_spectrum;
/** (K + ridge)⁻¹ and log-determinant.  Immutable. */
typedef struct ntk_solver ntk_solver;
/** Mean and covariance on new inputs.  Immutable. */
typedef struct ntk_predictor ntk_predictor;
/** Training as a function of time.  Immutable. */
typedef struct ntk_dynamics ntk_dynamics;
/** A finite network in training.  Mutable: one thread at a time, as a builder. */
typedef struct ntk_trainer ntk_trainer;
/** Training on any loss as a function of time.  Immutable: where training stands is the caller's array. */
typedef struct ntk_learning ntk_learning;
/** A network whose scales are parameters, joined with data.  Immutable. */
typedef struct ntk_tuner ntk_tuner;
/** Training as a linear system x' = A x + B u, y = C x.  Immutable. */
typedef struct ntk_system ntk_system;

/**
 * The allocator: grow from (NULL, 0), resize, or free (new_size 0, result ignored), in the manner of Lua.  Returns NULL
 * on failure, leaving the old block as it was.  Must be callable from any thread that uses or destroys a handle made
 * with it, and must outlive those handles.  Blocks must be aligned for max_align_t.
 */
typedef void *(*ntk_allocate_fn)(void *user, void *block, size_t old_size, size_t new_size);

/**
 * Called from the caller's thread during long work with the share done in [0, 1].  Return 0 to go on, anything else to
 * cancel: the call then ends with NTK_ERROR_CANCELLED.  The share never falls during a call.  Reports come about once a
 * second or oftener, but a LAPACK decomposition (Cholesky, eigenvectors, singular values) and a kernel callback are one
 * step each: there is a report before and after it.
 */
typedef int (*ntk_progress_fn)(void *user, double done);

/** Receives warnings, one sentence each without a newline: so far, once per context and when it first needs the BLAS, that OpenBLAS runs
 *  kernels for an older processor than this one, which are up to 7 times slower. */
typedef void (*ntk_log_fn)(void *user, const char *sentence);

/** Options of ntk_context_create(). */
typedef struct ntk_context_options {
    size_t struct_size;       /**< NTK_CONTEXT_OPTIONS_INIT */
    ntk_allocate_fn allocate; /**< NULL: the C library's */
    void *allocate_user;      /**< handed to `allocate` */
    ntk_log_fn log;           /**< NULL: silence */
    void *log_user;           /**< handed to `log` */
    ntk_progress_fn progress; /**< NULL: none */
    void *progress_user;      /**< handed to `progress` */
    uint64_t memory_limit; /**< bytes one call may hold at once; 0: no limit */
    int32_t threads;       /**< threads of the library's own loops; 0: all processors this process may use.  BLAS keeps its own count */
    int32_t reserved;      /**< 0 */
} ntk_context_options;
/** Opens every initialiser of an ntk_context_options. */
#define NTK_CONTEXT_OPTIONS_INIT sizeof(ntk_context_options)

/** Makes a context.  Errors: NULL, OPTIONS, ARGUMENT (threads < 0), MEMORY.  There is no sentence: no context to ask.
 *  The options are copied; what they point to must outlive the context and every handle made with it. */
NTK_API ntk_status ntk_context_create(const ntk_context_options *options, ntk_context **context);

/** Gives the context back; handles made with it live on.  NULL: nothing happens. */
NTK_API void ntk_context_destroy(ntk_context *context);

/** The status of the last call that failed with this context (NTK_OK: none yet; ERROR_NULL for a NULL context). */
NTK_API ntk_status ntk_context_error(const ntk_context *context);

/** The sentence of that failure, with names, shapes and values; "" if none.  Valid until the next call with the context. */
NTK_API const char *ntk_context_error_message(const ntk_context *context);

/** Threads that the library's own loops use; 0 for a NULL context. */
NTK_API int ntk_context_threads(const ntk_context *context);

/** The instruction set of the hot loops: "avx512", "avx2" or "c".  The environment variable NTK_CPU, read when a context
 *  is made, forces a lower one.  NULL for a NULL context. */
NTK_API const char *ntk_context_cpu(const ntk_context *context);

/** @} */

/* ================================================================================================================= */
/**
 * @defgroup networks 5  Networks
 *
 * One description, two readings: with a flat parameter vector a finite network (section 6), without one its
 * infinite-width limit (section 9).  The JSON form is specified in docs/network-format.md; the builder takes the same
 * layer names and keys.  Parameterisations: `ntk` z = (w_std/sqrt(n)) W x + b_std b; `standard` W ~ N(0, w_std²/n);
 * `textbook` f(x) = n^-1/2 sum v_i phi(u_i . x).
 * @{
 */

/**
 * Reads a network from `json`, zero-terminated UTF-8.  Errors: SYNTAX (with line and column), NETWORK (with the layer's
 * path, such as `layers[3].branches[0][1]`, and what was expected), OVERFLOW, MEMORY.  Cost: linear in the text and in
 * the unrolled layers.
 */
NTK_API ntk_status ntk_network_parse(ntk_context *ctx, const char *json, ntk_network **network);

/**
 * Writes a network as JSON that ntk_network_parse() reads back to the same network.  Numbers survive to the bit.
 * `text` receives a zero-terminated string of at most `capacity` bytes and may be NULL if capacity is 0; `needed` receives the
 * bytes needed, with the zero, and may be NULL.  Errors: ARGUMENT if capacity is positive but too small (`needed` still says enough);
 * UNSUPPORTED with the layer's path if an activation is the program's own (ntk_builder_add_activation()).
 */
NTK_API ntk_status ntk_network_format(ntk_context *ctx, const ntk_network *network, char *text, size_t capacity, size_t *needed);

/** The same network with `width` units in every hidden layer: those parametric layers that another one reads from, whatever lies between.
 *  Errors: ARGUMENT if width < 1; NETWORK with the path where shapes no longer fit (a sum with a layer that keeps its extent). */
NTK_API ntk_status ntk_network_widen(ntk_context *ctx, const ntk_network *network, int64_t width, ntk_network **wide);

/** Gives the network back.  NULL: nothing happens. */
NTK_API void ntk_network_destroy(ntk_network *network);

/** Parameters p of the finite network; -1 for NULL. */
NTK_API int64_t ntk_network_parameters(const ntk_network *network);

/** Outputs o: the numbers that the network delivers per sample, positions times channels in row-major order; -1 for NULL. */
NTK_API int64_t ntk_network_outputs(const ntk_network *network);

/** Parametric layers in the order of the flat vector, repeats unrolled; -1 for NULL. */
NTK_API int64_t ntk_network_layers(const ntk_network *network);

/** Shape of one input: fills shape[0 ... ndim-1] and returns ndim; -1 for NULL. */
NTK_API int ntk_network_input(const ntk_network *network, int64_t shape[NTK_MAX_NDIM]);

/** One key of a layer.  A list of them ends with NTK_END.  Made by the macros below. */
typedef struct ntk_attribute {
    const char *key;    /**< as in the JSON form, e.g. "units"; NULL ends the list */
    double number;      /**< value of a number, integer or boolean key */
    const char *text;   /**< value of a string key, else NULL */
    const double *list; /**< value of a list key, else NULL; copied */
    int64_t count;      /**< length of the list */
} ntk_attribute;
/** An ntk_attribute whose value is a number, integer or boolean. */
#define NTK_NUMBER(key, number) {key, number, NULL, NULL, 0}
/** An ntk_attribute whose value is a string. */
#define NTK_TEXT(key, text) {key, 0, text, NULL, 0}
/** An ntk_attribute whose value is a list of numbers. */
#define NTK_LIST(key, list, count) {key, 0, NULL, list, count}
/** The end of a list of ntk_attribute. */
#define NTK_END {NULL, 0, NULL, NULL, 0}

/**
 * Starts a network whose inputs have shape[0 ... ndim-1], 1 <= ndim <= 5; parameterization "ntk", "standard" or "textbook",
 * NULL: "ntk".  Errors: NETWORK, as ntk_network_parse().
 */
NTK_API ntk_status ntk_builder_create(ntk_context *ctx, int ndim, const int64_t *shape, const char *parameterization, ntk_builder **builder);

/** Appends a layer: op and attributes, e.g. ("dense", {NTK_NUMBER("units", 64), NTK_NUMBER("w_std", 1.5), NTK_END}).  NULL attributes: none.  Errors: NETWORK with its path. */
NTK_API ntk_status ntk_builder_add(ntk_context *ctx, ntk_builder *builder, const char *op, const ntk_attribute *attributes);

/** A function of a number, of the caller's: y[i] = f(x[i]), n of them.  Returns 0, or another number to report failure (NTK_ERROR_CALLBACK). */
typedef int (*ntk_activation_fn)(void *user, int64_t n, const double *x, double *y);

/** An activation of the caller's: phi, piecewise smooth, with the places where it is not declared. */
typedef struct ntk_activation_options {
    size_t struct_size;         /**< NTK_ACTIVATION_OPTIONS_INIT */
    const char *name;           /**< for sentences; copied; NULL: "own" */
    ntk_activation_fn value;      /**< phi; required */
    ntk_activation_fn derivative; /**< phi', at a kink or jump that of the left; NULL: finite networks have no J, the infinite-width kernel does without */
    void *user;                 /**< what both are called with; must outlive the networks and all made from them */
    const double *kinks;        /**< where phi is continuous and a derivative of it is not; copied */
    const double *jumps;        /**< where phi itself jumps: a finite network has no gradient there, so these give no NTK (as for sign); copied */
    int64_t n_kinks;            /**< numbers in kinks */
    int64_t n_jumps;            /**< numbers in jumps */
} ntk_activation_options;
/** All defaults. */
#define NTK_ACTIVATION_OPTIONS_INIT sizeof(ntk_activation_options)

/**
 * Appends a layer y = phi(x), elementwise, phi the caller's own.  Both readings take it: finite networks call phi and phi' on all numbers of
 * a layer at once, from the caller's thread; the infinite-width kernel samples phi when ntk_kernel_from_network() makes it, from -128
 * to 128, and never again.  K = E[phi(u) phi(v)] and E[phi'(u) phi'(v)] (phi' without the jumps) are good to 1e-10 of the geometric mean of their
 * values at (u, u) and (v, v), for variances of u and v up to 25; beyond, or where the estimate of the error says otherwise, evaluation is
 * refused with OVERFLOW.  A network with such a layer cannot be written as JSON (ntk_network_format(): UNSUPPORTED).
 *
 * Cost: some 100 to 200 products per entry, whatever the lengths, from tables that the kernel keeps: 1 to 10 ms and 0.2 MB (smooth phi, or one kink
 * at zero) for every two half octaves of lengths that meet.  Where phi has other kinks or jumps: tables four times as large, and near |rho| = 1
 * (gap 1 - |rho| below 0.02 to 0.06) a double integral of some 20,000 points per entry (docs/accuracy.md).
 * Errors: ARGUMENT (no value; kinks or jumps that are not finite, or twice the same; more than 16); later, of ntk_kernel_from_network(), CALLBACK
 * (the callback reported a failure), NOT_FINITE (it gave a NaN or an infinity), ARGUMENT (phi jumps at a declared kink).
 */
NTK_API ntk_status ntk_builder_add_activation(ntk_context *ctx, ntk_builder *builder, const ntk_activation_options *options);

/** Opens a layer that holds lists of layers ("branch", "repeat"), with its `op` and attributes as in ntk_builder_add(); layers added now
 *  go into its first list.  Errors: NETWORK with its path. */
NTK_API ntk_status ntk_builder_begin(ntk_context *ctx, ntk_builder *builder, const char *op, const ntk_attribute *attributes);

/** Goes on to the next list of the innermost open layer (the next branch).  Errors: NETWORK if that layer has one list only. */
NTK_API ntk_status ntk_builder_next(ntk_context *ctx, ntk_builder *builder);

/** Closes the innermost open layer.  Errors: NETWORK if none is open. */
NTK_API ntk_status ntk_builder_end(ntk_context *ctx, ntk_builder *builder);

/** Makes the network; the builder stays as it is and may be added to again.  Errors: NETWORK (open layers, shapes that do not fit). */
NTK_API ntk_status ntk_builder_finish(ntk_context *ctx, const ntk_builder *builder, ntk_network **network);

/** Gives the builder back; networks made with it live on.  NULL: nothing happens. */
NTK_API void ntk_builder_destroy(ntk_builder *builder);

/** @name Names of the ops and of the activations
 *  @{ */
/** How many there are, and the name of each, for completion and bindings: `index` 0 ... count-1; NULL outside.  Static memory. */
NTK_API int ntk_op_count(void);
NTK_API const char *ntk_op_name(int index);
NTK_API int ntk_activation_count(void);
NTK_API const char *ntk_activation_name(int index);
/** @} */

/** @} */

/* ================================================================================================================= */
/**
 * @defgroup finite 6  Finite networks
 *
 * theta is the flat parameter vector [p]: layers in document order (depth first through branches), each layer its
 * weights row-major [units, fan_in] (convolutions [units, kernel..., channels], conv_local one such block per position), then
 * its bias.  Outputs o are all numbers of a sample, positions then channels.  Where the derivative jumps:
 * at a kink of an activation the left one; of several largest inputs of a max_pool the first in row-major order takes it.
 * An op without a finite reading: UNSUPPORTED with the layer's path.  Layers with "lr" r or "train": false (r = 0) are differentiated
 * like all others here; r enters where an NTK is formed (section 8: J is scaled by sqrt(r)).
 *
 * Works in NTK_F64 and NTK_F32: the type of theta is that of the call, and all arrays beside it have the same (else DTYPE), masks and graphs apart.
 * In f32 every number on the way is a float and products are those of the BLAS in single precision, so that time and memory are about half;
 * activations are evaluated in f64 and rounded.  Of sums of k terms in a chain of steps the relative error is about the sum of k eps
 * over the steps, eps = 6e-8, in units of the largest number (docs/accuracy.md).
 * @{
 */

/**
 * Draws theta [p] as the parameterisation says.  Counter-based random numbers (Philox4x32-10): the same seed gives the
 * same bits on every machine and with any number of threads (Salmon et al. 2011).  A theta of f32 is that of f64, rounded.  Cost O(p).
 */
NTK_API ntk_status ntk_network_initialize(ntk_context *ctx, const ntk_network *network, uint64_t seed, ntk_array *theta);

/**
 * What comes with a data set beside its numbers: which positions of a sample are valid, and a graph over them.  Elements of both may
 * be of any dtype.
 *
 * mask [n, positions...], 1 = valid, 0 = not: in each sample a prefix of ones along each axis (a box from the first corner), not empty.  A
 * masked sample gives what the same sample cut to its valid part gives; what stands in the other positions of x is not read, but must be
 * finite.  flatten and conv_local have weights of their own for each position: refused behind a partial mask.
 *
 * graph [n, V, V]: entry (i, j) is the weight of the edge i to j, V the nodes that `aggregate` meets; with a mask the edges of valid nodes.
 * Needed exactly where the network has such a layer.
 */
typedef struct ntk_structure {
    size_t struct_size;     /**< NTK_STRUCTURE_INIT */
    const ntk_array *mask;  /**< NULL: all positions are valid */
    const ntk_array *graph; /**< NULL: none */
} ntk_structure;
/** Opens every initialiser of an ntk_structure. */
#define NTK_STRUCTURE_INIT sizeof(ntk_structure)

/** f [n, o] as ntk_network_forward(), theta [p], x [n] + input, with masks or graphs; outputs at positions that are not valid are 0.  `structure` NULL: none.
 *  Errors: ARGUMENT with the layer for a graph that is missing or not asked for, and for a layer that takes no partial mask. */
NTK_API ntk_status ntk_network_forward_with(ntk_context *ctx, const ntk_network *network, const ntk_array *theta, const ntk_array *x,
                                            const ntk_structure *structure, ntk_array *f);

/** f [n, o] = f(theta, x), theta [p], x [n] + input.  Errors: OVERFLOW where an output is not finite.  Cost: one forward pass,
 *  2 n p flop for dense layers, 2 n p positions for convolutions; samples pass in chunks. */
NTK_API ntk_status ntk_network_forward(ntk_context *ctx, const ntk_network *network, const ntk_array *theta, const ntk_array *x, ntk_array *f);

/** df [n, o] = J v, v [p]: the change of the outputs per change of theta [p] along v, on x [n] + input (forward mode).
 *  Cost: about two forward passes. */
NTK_API ntk_status ntk_network_jvp(ntk_context *ctx, const ntk_network *network, const ntk_array *theta, const ntk_array *x, const ntk_array *v, ntk_array *df);

/** g [p] = Jᵀ u, u [n, o]: the gradient of sum(u f) at theta [p], on x [n] + input (reverse mode).  Cost: about three forward passes. */
NTK_API ntk_status ntk_network_vjp(ntk_context *ctx, const ntk_network *network, const ntk_array *theta, const ntk_array *x, const ntk_array *u, ntk_array *g);

/** @} */

/* ================================================================================================================= */
/**
 * @defgroup optimizers 7  Optimizers
 *
 * theta' = -D⁻¹ Jᵀ (f - y),  so  K_D = J D⁻¹ Jᵀ.
 *
 * K_D by contraction, or as products with vectors, takes any D.  Layer by layer without J it takes a D that is, per layer, an outer
 * product over [units, inputs (and bias)]: so the identity, one number per layer, and Adam's D only where v is of that kind and epsilon 0,
 * as after the gradients of a single sample; for other D ntk_kernel_algorithm() says contraction.
 * @{
 */

/** Plain gradient descent, D = I, for any number of parameters. */
NTK_API ntk_status ntk_optimizer_identity(ntk_context *ctx, ntk_optimizer **optimizer);

/** Adam with a frozen second moment: D = diag(sqrt(v) + epsilon), v [p] >= 0, epsilon >= 0 (docs/mathematics.md §6; Kingma & Ba 2015).
 *  second_moment [p] is v, copied.  Errors: ARGUMENT where an entry of D would not be positive. */
NTK_API ntk_status ntk_optimizer_adam(ntk_context *ctx, const ntk_array *second_moment, double epsilon, ntk_optimizer **optimizer);

/**
 * A run of gradients into Adam's second moment, row after row of gradients [m, p] (or one, [p]):  v <- beta2 v + (1 - beta2) g²,
 * 0 <= beta2 < 1.  second_moment [p] is v, the caller's, in and out; it begins with zeros.  Hand it to ntk_optimizer_adam_after() with the
 * number of gradients so far.  Errors: ARGUMENT (beta2, a negative v), OVERFLOW (g² exceeds f64); v is unchanged then.  Cost 3 m p flop.
 */
NTK_API ntk_status ntk_optimizer_adam_update(ntk_context *ctx, const ntk_array *gradients, double beta2, ntk_array *second_moment);

/** Adam after `steps` >= 1 updates, with the correction of a v that began with zeros: D = sqrt(v / (1 - beta2^steps)) + epsilon.
 *  second_moment [p] is v, copied; epsilon >= 0.  Errors as of ntk_optimizer_adam(). */
NTK_API ntk_status ntk_optimizer_adam_after(ntk_context *ctx, const ntk_array *second_moment, double beta2, int64_t steps, double epsilon,
                                            ntk_optimizer **optimizer);

/** Any positive diagonal D: d [p], copied.  Errors: ARGUMENT where an entry is not positive. */
NTK_API ntk_status ntk_optimizer_diagonal(ntk_context *ctx, const ntk_array *d, ntk_optimizer **optimizer);

/** Gives the optimizer back.  NULL: nothing happens. */
NTK_API void ntk_optimizer_destroy(ntk_optimizer *optimizer);

/** Length p of D; 0 for the identity (any p); -1 for NULL. */
NTK_API int64_t ntk_optimizer_parameters(const ntk_optimizer *optimizer);

/** Copies D into d [p]; for the identity fills d with ones, whatever its length. */
NTK_API ntk_status ntk_optimizer_get_diagonal(ntk_context *ctx, const ntk_optimizer *optimizer, ntk_array *d);

/** @} */

/* ================================================================================================================= */
/**
 * @defgroup jacobians 8  Jacobians
 *
 * J [n o, p], row = sample o + output, as an operator.  It has a type, f64 or f32: that of theta, or of the caller's matrix; J of callbacks and of
 * finite differences is f64.  Vectors and rows here have its type; a gram of it too.  Where another section works in f64 (spectra, Fisher, control,
 * optimizers' D) it takes a J of f32 as well: rows of J are then exact, products with J are those of f32.
 * @{
 */

/**
 * J of a network at theta on x [n] + input.  A layer's columns are multiplied by sqrt(r) of its "lr" r (frozen: 0), so
 * that J Jᵀ is the NTK of network-format.md.  theta [p] and x are copied.  Nothing is computed yet:
 * memory n d + p numbers.
 */
NTK_API ntk_status ntk_jacobian_from_network(ntk_context *ctx, const ntk_network *network, const ntk_array *theta, const ntk_array *x, ntk_jacobian **jacobian);

/** The same, theta [p], x [n] + input, with masks or graphs (copied): rows of outputs at positions that are not valid are 0.  Errors: as
 *  ntk_network_forward_with(). */
NTK_API ntk_status ntk_jacobian_with(ntk_context *ctx, const ntk_network *network, const ntk_array *theta, const ntk_array *x, const ntk_structure *structure,
                                     ntk_jacobian **jacobian);

/** The caller's own j [n o, p], f64 or f32; borrowed.  Errors: ARGUMENT if `outputs` o < 1, SHAPE if it does not divide the rows. */
NTK_API ntk_status ntk_jacobian_from_matrix(ntk_context *ctx, const ntk_array *j, int64_t outputs, ntk_jacobian **jacobian);

/** out [to] = J or Jᵀ times in [from]; returns 0, or another number to report failure. */
typedef int (*ntk_product_fn)(void *user, int64_t from, const double *in, int64_t to, double *out);

/** out [count, columns] = rows first ... first + count - 1 of J; returns 0, or another number to report failure. */
typedef int (*ntk_rows_fn)(void *user, int64_t first, int64_t count, int64_t columns, double *out);

/**
 * Functions of the caller that are J [rows, columns], so that the network of any framework can be used.  Each fills `out` with doubles and
 * returns 0, or another number to report failure; `out` is not zeroed.  NULL: not given, and what it would answer is put together from another
 * one, at the cost that stands there; one at least is needed.  They are called by one thread, the caller's.
 */
typedef struct ntk_jacobian_functions {
    size_t struct_size; /**< NTK_JACOBIAN_FUNCTIONS_INIT */
    int64_t rows;       /**< n o, row = sample o + output */
    int64_t columns;    /**< p */
    int64_t outputs;    /**< o, which divides the rows; 0 is 1 */
    void *user;         /**< handed to each; it outlives the jacobian and all made from it */
    ntk_product_fn jvp;   /**< J v [rows] of v [columns].  NULL: from the rows of J */
    ntk_product_fn vjp;   /**< Jᵀ u [columns] of u [rows].  NULL: from the rows of J */
    ntk_rows_fn get_rows; /**< NULL: a vjp each; without vjp a jvp for each column */
} ntk_jacobian_functions;
/** Opens every initialiser of an ntk_jacobian_functions. */
#define NTK_JACOBIAN_FUNCTIONS_INIT sizeof(ntk_jacobian_functions)

/**
 * J by functions of the caller; `functions` is copied.  What they give is checked at each call: CALLBACK with the function and the place where one
 * returns another number than 0, leaves a number of `out` as it was, gives one that is not finite, or writes beyond its end (as far as
 * a margin of 64 numbers shows it).  Whether jvp and vjp are transposes of each other: ntk_jacobian_adjoint_error().
 */
NTK_API ntk_status ntk_jacobian_from_callbacks(ntk_context *ctx, const ntk_jacobian_functions *functions, ntk_jacobian **jacobian);

/** f [rows] = f(theta), theta [columns]; returns 0, or another number to report failure. */
typedef int (*ntk_function_fn)(void *user, int64_t columns, const double *theta, int64_t rows, double *f);

/** Options of ntk_jacobian_from_function(). */
typedef struct ntk_difference_options {
    size_t struct_size; /**< NTK_DIFFERENCE_OPTIONS_INIT */
    int32_t order;      /**< 2 (default, also for 0): two calls a column, error O(h²); 4: four calls, error O(h⁴) */
    int32_t reserved;   /**< 0 */
    double step;        /**< h of theta_j is step max(1, |theta_j|); 0: eps^(1/3) = 6.1e-6, of order 4 eps^(1/5) = 7.4e-4 */
} ntk_difference_options;
/** Opens every initialiser of an ntk_difference_options. */
#define NTK_DIFFERENCE_OPTIONS_INIT sizeof(ntk_difference_options)

/**
 * J [rows, p] of `function`, called with `user`, at theta [p] by central differences, for what nobody can differentiate; `rows` = n o, `outputs` o.
 * Relative error about 1e-10 (order 2) or 1e-12 (order 4) for smooth functions of moderate derivatives; at a kink the mean of both sides.
 * It is called here, 2 p or 4 p times, and not again.  Memory rows p numbers.  Errors: CALLBACK as ntk_jacobian_from_callbacks().
 * Source: Abramowitz & Stegun 25.3.21, 25.3.22 (unequal steps by rounding divided out).
 */
NTK_API ntk_status ntk_jacobian_from_function(ntk_context *ctx, ntk_function_fn function, void *user, const ntk_array *theta, int64_t rows, int64_t outputs, const ntk_difference_options *options, ntk_jacobian **jacobian);

/** Columns first ... first + count - 1. */
typedef struct ntk_range {
    int64_t first; /**< from 0 */
    int64_t count; /**< 0: none */
} ntk_range;

/** Chosen columns of J: ranges[0 ... count-1], ascending and apart, copied.  The kernel of training these parameters alone.
 *  Errors: ARGUMENT with the range that leaves J or meets the one before.  Cost as that of J. */
NTK_API ntk_status ntk_jacobian_restrict(ntk_context *ctx, const ntk_jacobian *jacobian, const ntk_range *ranges, int64_t count, ntk_jacobian **restricted);

/** The columns of chosen layers of a network's J: every parametric layer whose path is one of paths[0 ... count-1] or lies within it
 *  ("layers[2]", "layers[4].branches[0][1]"); of a repeat each turn.  Errors: ARGUMENT for a path without parameters and for a J of no network. */
NTK_API ntk_status ntk_jacobian_restrict_layers(ntk_context *ctx, const ntk_jacobian *jacobian, const char *const *paths, int64_t count, ntk_jacobian **restricted);

/** The rows of parts[0 ... count-1] below each other: several data sets, or sources, of one set of parameters.  Errors: SHAPE if columns
 *  or outputs differ, DTYPE if types do.  Cost the sum of the parts'. */
NTK_API ntk_status ntk_jacobian_stack(ntk_context *ctx, const ntk_jacobian *const *parts, int64_t count, ntk_jacobian **stack);

/**
 * error = |<u, J v> - <Jᵀ u, v>| / (|u| |J v| + |Jᵀ u| |v|) for u, v drawn N(0, 1) from `seed`: rounding, about 1e-16, where apply and
 * apply_transposed belong to one matrix, of the order of 1 where they do not (0 if both are zero).  Cost one of each.
 */
NTK_API ntk_status ntk_jacobian_adjoint_error(ntk_context *ctx, const ntk_jacobian *jacobian, uint64_t seed, double *error);

/** Gives the jacobian back.  NULL: nothing happens. */
NTK_API void ntk_jacobian_destroy(ntk_jacobian *jacobian);

/** Rows n o; -1 for NULL. */
NTK_API int64_t ntk_jacobian_rows(const ntk_jacobian *jacobian);
/** Columns p; -1 for NULL. */
NTK_API int64_t ntk_jacobian_columns(const ntk_jacobian *jacobian);
/** Outputs o of one sample; -1 for NULL. */
NTK_API int64_t ntk_jacobian_outputs(const ntk_jacobian *jacobian);
/** Its type, f64 or f32: that of vectors and rows, and of a gram of it.  F64 for NULL. */
NTK_API ntk_dtype ntk_jacobian_dtype(const ntk_jacobian *jacobian);

/** out [n o] = J v, v [p].  Cost of a network's: about two forward passes; of a matrix: 2 n o p flop. */
NTK_API ntk_status ntk_jacobian_apply(ntk_context *ctx, const ntk_jacobian *jacobian, const ntk_array *v, ntk_array *out);

/** out [p] = Jᵀ u, u [n o].  Cost of a network's: about three forward passes; of a matrix: 2 n o p flop. */
NTK_API ntk_status ntk_jacobian_apply_transposed(ntk_context *ctx, const ntk_jacobian *jacobian, const ntk_array *u, ntk_array *out);

/** Rows first ... first + m - 1 of J as numbers, m = extent 0 of out [m, p].  Errors: ARGUMENT beyond the last row.  Cost of a
 *  network's: a backward pass per output. */
NTK_API ntk_status ntk_jacobian_get_rows(ntk_context *ctx, const ntk_jacobian *jacobian, int64_t first, ntk_array *out);

/** @} */

/* ================================================================================================================= */
/**
 * @defgroup kernels 9  Kernels
 * @{
 */

/** Options of ntk_kernel_from_network() and ntk_kernel_empirical(). */
typedef struct ntk_kernel_options {
    size_t struct_size;  /**< NTK_KERNEL_OPTIONS_INIT */
    ntk_outputs outputs; /**< empirical kernels only: full (default), trace, diagonal */
    int32_t reserved;    /**< 0 */
    ntk_algorithm algorithm; /**< empirical kernels only */
    int32_t reserved_2;      /**< 0 */
    ntk_dropout dropout;     /**< infinite-width kernels only: training (default) or inference */
    int32_t reserved_3;      /**< 0 */
} ntk_kernel_options;
/** Opens every initialiser of an ntk_kernel_options. */
#define NTK_KERNEL_OPTIONS_INIT sizeof(ntk_kernel_options)

/**
 * The infinite-width kernels of a network: NNGP K and NTK Theta, one number per pair (for o outputs they stand for
 * K x I_o).  Distances are propagated, not covariances (docs/mathematics.md §4), so that nearly equal inputs lose no
 * digits.  Works in NTK_F64 and NTK_F32.  Dropout is that of training (options), where a sample is itself only as the same row
 * of one data set: two equal rows are two samples.
 * Errors: NO_RULE with the layer's path and the reason where no exact rule exists; UNSUPPORTED for inputs with more than one axis.
 * Source: Jacot, Gabriel & Hongler 2018; Lee et al. 2018; the duals of the activations in lib/infinite.
 */
NTK_API ntk_status ntk_kernel_from_network(ntk_context *ctx, const ntk_network *network, const ntk_kernel_options *options, ntk_kernel **kernel);

/**
 * The empirical kernels of a finite network at theta [p] (copied): Theta = J(x1) D⁻¹ J(x2)ᵀ and NNGP = f(x1) f(x2)ᵀ.
 * optimizer: D; NULL: identity.  Outputs (options): full [n1 o, n2 o]; trace = mean over outputs [n1, n2]; diagonal [n1, n2, o].
 * Algorithms (docs/mathematics.md §6.1, §6.3; the kernel says which one it took: ntk_kernel_algorithm()): structured, 2 n1 n2 (o² units + fan_in)
 * flop per dense layer (trace, diagonal: o instead of o²), memory n (o units + fan_in) numbers per layer; with S positions (convolutions: position
 * Grams) S² times as many flop (conv_local: S times), memory n S o units and the inputs; contraction, the rows of J(x1) and
 * J(x2), in strips of columns beyond 64 MiB, so that no more than 256 MiB stand beside the result, and 2 n1 n2 o² p flop (trace, diagonal:
 * 2 n1 n2 o p), half of it where x2 is NULL; of a convolution the rows are weight gradients, 2 n o positions units fan_in flop.
 * Works in f64 and f32: theta, inputs and results have one type, that of theta; D is f64.  In f32 an entry of K is good to about
 * (units + fan_in) eps of the largest, eps = 6e-8 (contraction: p eps), at half the time and memory.
 * auto and mixed: each layer by the cheaper of the two that applies, ntk_kernel_layer_algorithm().
 * Errors: UNSUPPORTED with the layer and the reason if structured is asked for where it does not apply (attention; graphs; Adam's D in general).
 */
NTK_API ntk_status ntk_kernel_empirical(ntk_context *ctx, const ntk_network *network, const ntk_array *theta, const ntk_optimizer *optimizer, const ntk_kernel_options *options, ntk_kernel **kernel);

/** The algorithm of an empirical kernel: structured or contraction where all layers go so, else mixed; AUTO for NULL and every other kernel. */
NTK_API ntk_algorithm ntk_kernel_algorithm(const ntk_kernel *kernel);

/** That of one parametric layer (0, 1, ... in the order of the flat vector): structured or contraction; AUTO for NULL, every other kernel and no layer. */
NTK_API ntk_algorithm ntk_kernel_layer_algorithm(const ntk_kernel *kernel, int64_t layer);

/** Options of ntk_kernel_monte_carlo(). */
typedef struct ntk_monte_carlo_options {
    size_t struct_size; /**< NTK_MONTE_CARLO_OPTIONS_INIT */
    int64_t samples;    /**< networks drawn, at least 2; 0: 100 */
    int64_t width;      /**< units of every hidden layer, as ntk_network_widen(); 0: as described */
    uint64_t seed;      /**< of the first network; the others follow by one: 0 ... samples-1 is added */
} ntk_monte_carlo_options;
/** Opens every initialiser of an ntk_monte_carlo_options. */
#define NTK_MONTE_CARLO_OPTIONS_INIT sizeof(ntk_monte_carlo_options)

/**
 * The mean of the empirical kernels (trace: the mean over outputs) of `samples` networks drawn at random, one number per pair, and its
 * standard error: a request's ntk_error and nngp_error.  As width and samples grow it comes to ntk_kernel_from_network(), also where that
 * has no exact rule: the scatter of one draw falls as width^-1/2, the bias of the mean as 1/width.  Values of f64; the same draws
 * for any number of threads and for every block of a data set.
 * Errors: ARGUMENT for fewer than 2 samples; UNSUPPORTED as in section 6.  Cost: per tile of 512 x 512 pairs, `samples` empirical kernels.
 */
NTK_API ntk_status ntk_kernel_monte_carlo(ntk_context *ctx, const ntk_network *network, const ntk_monte_carlo_options *options, ntk_kernel **kernel);

/**
 * A kernel of the caller: fills k [n1, n2] (row stride ldk) for x1 [n1, d], x2 [n2, d], dense row-major doubles.
 * Returns 0, or another number to report failure (NTK_ERROR_CALLBACK).
 */
typedef int (*ntk_kernel_fn)(void *user, int64_t d, int64_t n1, const double *x1, int64_t n2, const double *x2, double *k, int64_t ldk);

/** Wraps a callback as the kernel of kind `kind`.  `user` must outlive the kernel and all made from it.
 *  `function` is called by one thread, the caller's, on blocks of samples; NTK_F64 only. */
NTK_API ntk_status ntk_kernel_from_callback(ntk_context *ctx, ntk_kernel_fn function, void *user, ntk_kind kind, ntk_kernel **kernel);

/**
 * K = sum_i weights[i] K_i, each kind on its own, of kernels[0 ... count-1] of the same inputs and outputs; weights NULL: 1 each.  It delivers the kinds
 * that all of them do, and takes the dtypes that all do.  A sum with positive weights is positive semidefinite.
 * Errors: ARGUMENT, SHAPE.  Cost: the sum of the parts'.
 */
NTK_API ntk_status ntk_kernel_sum(ntk_context *ctx, const ntk_kernel *const *kernels, const double *weights, int64_t count, ntk_kernel **sum);

/** K(x, x') / sqrt(K(x, x) K(x', x')), each kind by its own diagonal: 1 for equal inputs, 0 where a diagonal entry is 0; to some eps.  Errors: none here;
 *  ARGUMENT in use, if an entry of the diagonal is negative.  Cost: that of `kernel` and its diagonal. */
NTK_API ntk_status ntk_kernel_normalise(ntk_context *ctx, const ntk_kernel *kernel, ntk_kernel **normalised);

/** Gives the kernel back.  NULL: nothing happens. */
NTK_API void ntk_kernel_destroy(ntk_kernel *kernel);

/** What one evaluation shall deliver; all come out of one pass.  NULL arrays are not wanted.  A kind that the kernel lacks: ARGUMENT. */
typedef struct ntk_request {
    size_t struct_size; /**< NTK_REQUEST_INIT */
    ntk_array *nngp;    /**< shape of the kernel, see there */
    ntk_array *ntk;     /**< the same */
    ntk_array *layers;  /**< [layers] + that shape: the NTK's own term of each parametric layer, summing to it (infinite and empirical kernels) */
    ntk_array *ntk_error;  /**< Monte Carlo: standard error of the ntk, in its shape */
    ntk_array *nngp_error; /**< Monte Carlo: that of the nngp */
    const ntk_structure *structure1; /**< masks and graphs of x1 (of x in ntk_kernel_diagonal()); NULL: none */
    const ntk_structure *structure2; /**< of x2 */
} ntk_request;
/** Opens every initialiser of an ntk_request. */
#define NTK_REQUEST_INIT sizeof(ntk_request)

/**
 * Evaluates a kernel block by block into the caller's arrays.
 * x1 [n1] + input; x2 [n2] + input, or NULL: x1 with itself, each pair once, symmetric to the bit.  What is wanted stands in
 * `request`.  All arrays have one dtype.  n1 or n2 may be 0.
 * Errors: SHAPE, DTYPE, NOT_FINITE, OVERFLOW (a kernel value exceeds its dtype), CANCELLED, MEMORY.
 * Cost (infinite): n1 n2 (2 d + c L) flop, halved for x2 NULL; working memory O(blocks).
 */
NTK_API ntk_status ntk_kernel_eval(ntk_context *ctx, const ntk_kernel *kernel, const ntk_array *x1, const ntk_array *x2, const ntk_request *request);

/** Only the pairs (x_i, x_i) of x [n] + input, by the exact formulas of the diagonal, into the arrays of `request`: [n] (infinite,
 *  callback, trace), [n o] (full), [n, o] (diagonal).  Cost linear in n. */
NTK_API ntk_status ntk_kernel_diagonal(ntk_context *ctx, const ntk_kernel *kernel, const ntk_array *x, const ntk_request *request);

/** A job that has not begun: as many samples, in this dtype, for these results.  No data are needed. */
typedef struct ntk_job {
    size_t struct_size;  /**< NTK_JOB_INIT */
    int64_t n1;          /**< samples of x1 */
    int64_t n2;          /**< samples of x2; 0: x1 with itself */
    int64_t inputs;      /**< numbers per sample, of a callback kernel in a gram; other kernels know it */
    ntk_dtype dtype;     /**< of the inputs and results */
    int32_t no_ntk;      /**< 1: the NTK is not wanted */
    int32_t nngp;        /**< 1: the NNGP is */
    int32_t layers;      /**< 1: the term of each layer is */
    int32_t diagonal;    /**< 1: ntk_kernel_diagonal() */
    int32_t gram;        /**< 1: ntk_gram_create(), whose handle holds a copy of x and the result */
    ntk_storage storage; /**< of the gram */
    int32_t reserved;    /**< 0 */
} ntk_job;
/** Opens every initialiser of an ntk_job. */
#define NTK_JOB_INIT sizeof(ntk_job)

/** What a job takes. */
typedef struct ntk_estimate {
    double bytes;        /**< that the library holds at once, at the most: with the result and the copy of x of a gram, else without the caller's arrays */
    double result_bytes; /**< of the result */
    double flops;        /**< additions and multiplications, about: those of the products exactly, of the rest to their order */
    double reserved[5];  /**< 0; later versions may say more */
} ntk_estimate;

/**
 * What ntk_kernel_eval(), ntk_kernel_diagonal() or ntk_gram_create() would take with arrays that are dense, with the threads of this context.
 * The BLAS has memory of its own, some tens of MiB, which no one can ask for.  A context with a memory limit asks this before it begins, and counts copies
 * of arrays that are not dense too.  Errors: ARGUMENT, DTYPE, UNSUPPORTED of a kernel that cannot say.  Cost: none.
 */
NTK_API ntk_status ntk_kernel_estimate(ntk_context *ctx, const ntk_kernel *kernel, const ntk_job *job, ntk_estimate *estimate);

/** @} */

/* ================================================================================================================= */
/**
 * @defgroup grams 10  Grams
 *
 * A kernel on one data set, as a symmetric operator K of size N.
 *
 * N = n when K has one value per pair (and stands for K x I_o), N = n o when it is full.  A gram holds the NTK, the
 * NNGP, or both; `kind` says which is meant, and a kind that the gram lacks is NTK_ERROR_ARGUMENT.
 * @{
 */

/** Options of ntk_gram_create(). */
typedef struct ntk_gram_options {
    size_t struct_size; /**< NTK_GRAM_OPTIONS_INIT */
    int32_t nngp;       /**< keep the NNGP too (one pass delivers both) */
    int32_t no_ntk;     /**< keep the NNGP only; needs nngp */
    ntk_storage storage; /**< default: auto, which is packed */
    int32_t reserved;   /**< 0 */
    const ntk_structure *structure; /**< masks and graphs of x; copied.  NULL: none */
} ntk_gram_options;
/** Opens every initialiser of an ntk_gram_options. */
#define NTK_GRAM_OPTIONS_INIT sizeof(ntk_gram_options)

/** K(x, x) of a kernel; x [n] + input (f64 or f32) is copied, so that the gram can meet new inputs later.
 *  Errors as ntk_kernel_eval(), MEMORY_LIMIT with the bytes needed.  Memory: N (N + 1)/2 numbers per kind, N² in full.
 *  Every answer takes every storage; those that decompose by eigenvectors make a full copy.  Without storage the gram costs nothing here; a product
 *  K v computes each pair once more, in tiles of at most 32 MiB, and a factorisation all of them into memory of its own. */
NTK_API ntk_status ntk_gram_create(ntk_context *ctx, const ntk_kernel *kernel, const ntk_array *x, const ntk_gram_options *options, ntk_gram **gram);

/** The caller's own symmetric matrix k [N, N] as an NTK; borrowed, never written.  Errors: SHAPE, NOT_FINITE, ARGUMENT if
 *  it is not symmetric: |K_ij - K_ji| <= 1e-8 max|K| (f32: 1e-3); the lower triangle is what counts. */
NTK_API ntk_status ntk_gram_from_matrix(ntk_context *ctx, const ntk_array *k, ntk_gram **gram);

/** The same with both kinds: ntk and nngp [N, N]; either may be NULL, not both; one shape and one dtype. */
NTK_API ntk_status ntk_gram_from_matrices(ntk_context *ctx, const ntk_array *ntk, const ntk_array *nngp, ntk_gram **gram);

/** K = J D⁻¹ Jᵀ, [n o, n o], of the type of J; optimizer NULL: D = I.  Keeps J alive for ntk_spectrum_get_parameter_vectors() and theta(t).
 *  Cost: of a network as of the kernel, ntk_kernel_empirical(); of others (n o)² p flop, a matrix read once, J of any
 *  other network computed once, in strips of columns (with the strip at most 256 MiB beside the result), other sources in tall blocks of rows, each computed about
 *  once per block. */
NTK_API ntk_status ntk_gram_from_jacobian(ntk_context *ctx, const ntk_jacobian *jacobian, const ntk_optimizer *optimizer, ntk_gram **gram);

/**
 * The same by an algorithm of one's choice, of a jacobian and an optimizer or NULL.  structured, contraction: as in ntk_kernel_empirical(); auto:
 * and mixed: each layer by the cheaper where the memory suffices, else contraction.  products: the gram holds no matrix, and costs nothing here;
 * ntk_gram_multiply() costs a vjp and a jvp per column, in the memory of a few vectors, so that Lanczos or an iterative solver runs at any N;
 * entries and the diagonal are products of rows of J when asked for; Cholesky or a spectrum make the matrix for themselves.
 * Errors: UNSUPPORTED with the layer and the reason where structured does not apply.
 */
NTK_API ntk_status ntk_gram_from_jacobian_by(ntk_context *ctx, const ntk_jacobian *jacobian, const ntk_optimizer *optimizer, ntk_algorithm algorithm, ntk_gram **gram);

/** The algorithm of a gram of a Jacobian; AUTO for NULL and every other gram. */
NTK_API ntk_algorithm ntk_gram_algorithm(const ntk_gram *gram);

/** Gives the gram back.  NULL: nothing happens. */
NTK_API void ntk_gram_destroy(ntk_gram *gram);

/** Size N of the operator; -1 for NULL. */
NTK_API int64_t ntk_gram_size(const ntk_gram *gram);

/** 1 if the gram holds this kind, else 0. */
NTK_API int ntk_gram_has(const ntk_gram *gram, ntk_kind kind);

/** out [N] = the diagonal of K of this kind. */
NTK_API ntk_status ntk_gram_get_diagonal(ntk_context *ctx, const ntk_gram *gram, ntk_kind kind, ntk_array *out);

/** Entries [row ... row + m - 1, column ... column + k - 1] into out [m, k].  Errors: SHAPE where the block leaves K. */
NTK_API ntk_status ntk_gram_get_block(ntk_context *ctx, const ntk_gram *gram, ntk_kind kind, int64_t row, int64_t column, ntk_array *out);

/** out [N, m] = K v, v [N, m].  Cost 2 N² m flop. */
NTK_API ntk_status ntk_gram_multiply(ntk_context *ctx, const ntk_gram *gram, ntk_kind kind, const ntk_array *v, ntk_array *out);

/** @} */

/* ================================================================================================================= */
/**
 * @defgroup spectrum 11  Spectrum and duality
 *
 * K = J D⁻¹ Jᵀ and F = D^-1/2 Jᵀ J D^-1/2 share their non-zero eigenvalues (docs/mathematics.md §8).
 *
 * With K u = lambda u:  v = D^-1/2 Jᵀ u / sqrt(lambda)  is the unit eigenvector of F, and u = J D^-1/2 v / sqrt(lambda).
 * Eigenvalues come largest first.  Rank counts eigenvalues above `tolerance` times the largest.
 * @{
 */

/** Options of ntk_spectrum_create() and ntk_spectrum_from_jacobian(). */
typedef struct ntk_spectrum_options {
    size_t struct_size;  /**< NTK_SPECTRUM_OPTIONS_INIT */
    ntk_kind kind;       /**< which kernel of the gram */
    int32_t values_only; /**< no vectors: a third of the time */
    double tolerance;    /**< of the rank, relative; 0: N eps (of a Jacobian: max(N, p) eps on the singular values) */
} ntk_spectrum_options;
/** Opens every initialiser of an ntk_spectrum_options. */
#define NTK_SPECTRUM_OPTIONS_INIT sizeof(ntk_spectrum_options)

/** All eigenvalues and vectors of a gram, with absolute errors of a few eps |K|.  Errors: NOT_CONVERGED.  Cost: divide and conquer
 *  (dsyevd), about 9 N³ flop; 2 N² numbers. */
NTK_API ntk_status ntk_spectrum_create(ntk_context *ctx, const ntk_gram *gram, const ntk_spectrum_options *options, ntk_spectrum **spectrum);

/** The same from the singular values of J D^-1/2 itself: K squares the condition number, this does not.
 *  min(N, p) eigenvalues; optimizer NULL: D = I.  Errors: ARGUMENT for the kind nngp, NOT_CONVERGED.
 *  Cost: dgesdd, O(N p min(N, p)) flop; N p numbers. */
NTK_API ntk_status ntk_spectrum_from_jacobian(ntk_context *ctx, const ntk_jacobian *jacobian, const ntk_optimizer *optimizer, const ntk_spectrum_options *options, ntk_spectrum **spectrum);

/** Options of ntk_spectrum_top() and ntk_spectrum_top_of_jacobian(). */
typedef struct ntk_top_options {
    size_t struct_size;    /**< NTK_TOP_OPTIONS_INIT */
    ntk_kind kind;         /**< which kernel of the gram */
    ntk_space space;        /**< of a Jacobian: where the iteration runs; the other side's vectors follow */
    double tolerance;      /**< of the residual |A v - lambda v|, and so of lambda, over lambda_max; 0: 1e-12 */
    double rank_tolerance; /**< of the rank, relative; 0: N eps (of a Jacobian: max(N, p) eps) */
    int64_t most_vectors;  /**< of the basis, each N or p numbers; 0: as many as it takes */
    uint64_t seed;         /**< of the start */
} ntk_top_options;
/** Opens every initialiser of an ntk_top_options. */
#define NTK_TOP_OPTIONS_INIT sizeof(ntk_top_options)

/**
 * The k largest eigenvalues and vectors of a gram by products alone: Lanczos with full reorthogonalisation, ended by its residuals, and a
 * search for equal eigenvalues that it may have missed.  Calls that need all eigenvalues are UNSUPPORTED for what comes out.
 * Errors: ARGUMENT unless 1 <= k <= N, NOT_CONVERGED if most_vectors are too few.  Cost: some 2 k to 4 k products where the spectrum decays,
 * as many vectors of N numbers, and 4 N flop for each pair of them.
 */
NTK_API ntk_status ntk_spectrum_top(ntk_context *ctx, const ntk_gram *gram, int64_t k, const ntk_top_options *options, ntk_spectrum **spectrum);

/** The same of K = J D⁻¹ Jᵀ, or of F, without a matrix of either: products with J and Jᵀ.  optimizer NULL: D = I; k <= min(N, p).
 *  On the side of the parameters both sides' vectors are kept; those u of eigenvalues beyond the rank are 0. */
NTK_API ntk_status ntk_spectrum_top_of_jacobian(ntk_context *ctx, const ntk_jacobian *jacobian, const ntk_optimizer *optimizer, int64_t k,
                                                const ntk_top_options *options, ntk_spectrum **spectrum);

/** Gives the spectrum back.  NULL: nothing happens. */
NTK_API void ntk_spectrum_destroy(ntk_spectrum *spectrum);

/** Number of eigenvalues held; -1 for NULL. */
NTK_API int64_t ntk_spectrum_size(const ntk_spectrum *spectrum);
/** Eigenvalues above the tolerance; -1 for NULL. */
NTK_API int64_t ntk_spectrum_rank(const ntk_spectrum *spectrum);
/** Largest over smallest eigenvalue; infinity when the smallest is not positive; NaN only for NULL. */
NTK_API double ntk_spectrum_condition(const ntk_spectrum *spectrum);

/** values [size], largest first. */
NTK_API ntk_status ntk_spectrum_get_values(ntk_context *ctx, const ntk_spectrum *spectrum, ntk_array *values);

/** Function-space vectors u: out [N, k], column j belongs to value j, k <= size.  Errors: ARGUMENT if there are values only. */
NTK_API ntk_status ntk_spectrum_get_vectors(ntk_context *ctx, const ntk_spectrum *spectrum, ntk_array *out);

/** Parameter-space vectors v: out [p, k], k <= rank.  Errors: ARGUMENT unless the spectrum was made from a Jacobian
 *  or its gram, and with vectors.  Cost from a gram: k products Jᵀ u. */
NTK_API ntk_status ntk_spectrum_get_parameter_vectors(ntk_context *ctx, const ntk_spectrum *spectrum, ntk_array *out);

/**
 * Will the network interpolate y [N, m], trained to the end?  *interpolates = 1 if all of y lies in the range of K, by the rank of the
 * spectrum: unreachable <= max(tolerance, N eps).  *gap = lambda_(rank+1) / lambda_rank: near 0 the rank is clear, near 1 it hangs on the
 * tolerance.  *unreachable = |(1 - P) y|²/|y|², and rest [N, m] = (1 - P) y, what training leaves from f(0) = 0.  gap, unreachable and
 * rest may be NULL.  Errors: ARGUMENT (values only), UNSUPPORTED (the largest eigenvalues only).  Cost 4 N rank m flop.
 */
NTK_API ntk_status ntk_spectrum_interpolation(ntk_context *ctx, const ntk_spectrum *spectrum, const ntk_array *y, int *interpolates, double *gap,
                                              double *unreachable, ntk_array *rest);

/**
 * The null spaces by the rank r of the spectrum, an orthonormal basis in the columns of out.  function: out [N, k], k <= N - r, u with K u = 0, the
 * directions of y that training never reaches.  parameters: out [p, k], k <= p - r, v with J D^-1/2 v = 0 as for
 * ntk_spectrum_get_parameter_vectors(): steps D^-1/2 v move no output on these data.  Orthogonal to the vectors of the rank to a few eps; |J D^-1/2 v|,
 * |K u| are at most the first singular value, or eigenvalue, beyond the rank and a few N eps of the largest; where small ones matter take the spectrum from the
 * Jacobian itself.  Errors: ARGUMENT (another space, values only, parameters without a Jacobian), UNSUPPORTED (the largest eigenvalues only), SHAPE,
 * MEMORY_LIMIT.  Cost: 4 (N or p) r (r + k) flop, of a gram's parameters also r products Jᵀ u.
 * Source: Golub & Van Loan 2013, 5.1, 5.2.
 */
NTK_API ntk_status ntk_spectrum_get_null_vectors(ntk_context *ctx, const ntk_spectrum *spectrum, ntk_space space, ntk_array *out);

/**
 * out [p] = P v, v [p]:  P = 1 - D⁻¹ Jᵀ K⁺ J, the projector on the null space of J that is orthogonal in the metric of D, K⁺ the pseudo-inverse on
 * the rank.  Of parameters theta: what no training with this D on these data moves; of a step: what none of their outputs sees.  It takes no
 * p x p matrix.  Errors: ARGUMENT (no Jacobian, values only), UNSUPPORTED (the largest eigenvalues only).  Cost: 4 p rank flop of a spectrum that has
 * parameter vectors, else twice a product J v and one Jᵀ u.
 */
NTK_API ntk_status ntk_spectrum_project_null(ntk_context *ctx, const ntk_spectrum *spectrum, const ntk_array *v, ntk_array *out);

/**
 * The natural gradient through K: delta [p] = D⁻¹ Jᵀ (K + damping)⁻¹ e, e [N], which solves (JᵀJ + damping D) delta = Jᵀ e without a p x p
 * matrix; with e = f - y a step of -delta.  damping 0: the pseudo-inverse on the rank, so J delta = P e by the shortest delta.  Of the k
 * largest eigenvalues only: in their directions.  Errors: ARGUMENT (no Jacobian, values only, damping < 0).  Cost: one product Jᵀ u.
 * Source: Amari 1998.
 */
NTK_API ntk_status ntk_spectrum_natural_gradient(ntk_context *ctx, const ntk_spectrum *spectrum, const ntk_array *e, double damping, ntk_array *delta);

/** Options of ntk_fisher_trace(). */
typedef struct ntk_trace_options {
    size_t struct_size; /**< NTK_TRACE_OPTIONS_INIT */
    int64_t samples;    /**< random vectors, 2 or more; 0: the exact trace */
    uint64_t seed;      /**< of their signs */
    int32_t plain;      /**< not 0: all of them Hutchinson's; default: half of them sketch the largest directions first (Hutch++) */
    int32_t reserved;   /**< 0 */
} ntk_trace_options;
/** Opens every initialiser of an ntk_trace_options. */
#define NTK_TRACE_OPTIONS_INIT sizeof(ntk_trace_options)

/**
 * trace = tr K = tr F of J D^-1/2 (optimizer NULL: D = I); over p it is the mean eigenvalue of F, over N that of K.  Estimates come with
 * their standard error (exact: 0), which may be NULL.  Errors: ARGUMENT.  Cost: exact, all rows of J in blocks, of dense layers without J; a random vector one product
 * with J or Jᵀ, of the sketch three, and min(N, p) numbers each.
 * Source: Hutchinson 1990; Meyer, Musco, Musco & Woodruff 2021.
 */
NTK_API ntk_status ntk_fisher_trace(ntk_context *ctx, const ntk_jacobian *jacobian, const ntk_optimizer *optimizer, const ntk_trace_options *options,
                                    double *trace, double *error);

/** out [p] = F v = Jᵀ (J v), v [p], never forming F.  Cost: the two products. */
NTK_API ntk_status ntk_fisher_multiply(ntk_context *ctx, const ntk_jacobian *jacobian, const ntk_array *v, ntk_array *out);

/** norm = |delta|_F = sqrt(deltaᵀ F delta) = |J delta|: how far a step delta [p] moves the outputs, to first order.
 *  Cost: one product. */
NTK_API ntk_status ntk_fisher_norm(ntk_context *ctx, const ntk_jacobian *jacobian, const ntk_array *delta, double *norm);

/** @} */

/* ================================================================================================================= */
/**
 * @defgroup solver 12  Solver
 *
 * (K + ridge I)⁻¹ by Cholesky, in the precision of the gram, f64 or f32; or by conjugate gradients, which need products with K only, so that
 * the gram may be one without entries (NTK_ALGORITHM_PRODUCTS of a Jacobian, NTK_STORAGE_NONE of a kernel).
 * @{
 */

/** Options of ntk_solver_create(). */
typedef struct ntk_solver_options {
    size_t struct_size;    /**< NTK_SOLVER_OPTIONS_INIT */
    ntk_kind kind;         /**< which kernel of the gram */
    int32_t reserved;      /**< 0 */
    double ridge;          /**< added to the diagonal, >= 0 */
    double ridge_relative; /**< times trace(K)/N, added too, >= 0 */
    int32_t consume;       /**< 1: the factor takes the place of the gram's entries, see ntk_solver_create() */
    int32_t reserved_2;    /**< 0 */
    ntk_decomposition decomposition; /**< default: Cholesky; CG; EIGEN is refused, a spectrum serves that */
    int32_t reserved_3;    /**< 0 */
    double tolerance;      /**< of CG: |b - A x| <= tolerance |b| for each column; 0 means 1e-10, of grams in f32 1e-4 */
    int64_t rank;          /**< of CG: rows of K in the preconditioner, at most; 0 means 100 */
    int64_t most;          /**< of CG: products with K, at most, of a call; 0 means 2 N + 100 */
} ntk_solver_options;
/** Opens every initialiser of an ntk_solver_options. */
#define NTK_SOLVER_OPTIONS_INIT sizeof(ntk_solver_options)

/**
 * Factorises K + ridge I = L Lᵀ.  Cost N³/3 flop, and as many numbers as the gram keeps per kind.  With NTK_DECOMPOSITION_CG instead a
 * preconditioner, a partial pivoted Cholesky factor (Harbrecht, Peters & Schneider 2012): `rank` rows of K, 2 rank² N flop, 2 rank N numbers.
 * With `consume` no further memory: the gram then holds that kind no more (ntk_gram_has() says 0, calls that need it fail with ARGUMENT),
 * also if the factorisation fails; its size, data set and other kind stay.  It is for the only owner of a gram: refused with ARGUMENT while
 * another handle made from the gram lives, or where the matrix is the caller's own; no other thread may use the gram meanwhile.
 * Errors: NOT_POSITIVE_DEFINITE names the leading minor that failed.
 */
NTK_API ntk_status ntk_solver_create(ntk_context *ctx, const ntk_gram *gram, const ntk_solver_options *options, ntk_solver **solver);

/** Gives the solver back.  NULL: nothing happens. */
NTK_API void ntk_solver_destroy(ntk_solver *solver);

/** x [N, m] = (K + ridge)⁻¹ b, b [N, m].  b and x may be the same memory.  Cholesky: backward stable (Higham 2002,
 *  theorem 10.4), cost 2 N² m flop.  CG (Hestenes & Stiefel 1952): some √c products with K and m columns, c the condition number that the
 *  preconditioner leaves, and 9 N m numbers; NOT_CONVERGED where `most` products do not reach the tolerance, or rounding keeps b - A x above
 *  it; NOT_POSITIVE_DEFINITE where a direction shows it. */
NTK_API ntk_status ntk_solver_solve(ntk_context *ctx, const ntk_solver *solver, const ntk_array *b, ntk_array *x);

/** value = log det (K + ridge I) = 2 sum log L_ii.  Cost O(N).  UNSUPPORTED with CG. */
NTK_API ntk_status ntk_solver_log_determinant(ntk_context *ctx, const ntk_solver *solver, double *value);

/** Normwise backward error of a solution x [N, m] of b [N, m], the worst column of |b - A x| / (|A| |x| + |b|) in the infinity norm
 *  (Rigal & Gaches 1967): a few eps for a stable solve.  Cost 2 N² m flop. */
NTK_API ntk_status ntk_solver_backward_error(ntk_context *ctx, const ntk_solver *solver, const ntk_array *b, const ntk_array *x, double *error);

/** The number that was added to the diagonal; NaN only for NULL. */
NTK_API double ntk_solver_ridge(const ntk_solver *solver);

/** @} */

/* ================================================================================================================= */
/**
 * @defgroup predictor 13  Predictor
 *
 * Mean and covariance of trained networks on new inputs (docs/mathematics.md §7; Lee et al. 2019).
 *
 * With K the NNGP, T the NTK, * = test-train, ~ = with the ridge, S_A(t) = (1 - exp(-eta t A~/c)) A~⁻¹, which is A~⁻¹ at
 * t = infinity; c = number of targets for LOSS_SCALE_MEAN, 1 for SUM:
 *
 *     nngp   mean K* S_K(t) y    covariance K** - K* S_K(2t) K*ᵀ             last layer trained (t = inf: Bayes)
 *     ntk    mean T* S_T(t) y    covariance K** - B K*ᵀ - K* Bᵀ + B K Bᵀ     ensemble of trained networks, B = T* S_T(t)
 *     ntkgp  mean T* S_T(t) y    covariance T** - T* S_T(2t) T*ᵀ             Gaussian process with kernel T
 *
 * With a start f0 (a given network): mean f0* - T* S_T(t) (f0 - y).
 * @{
 */

/** Options of ntk_predictor_create(). */
typedef struct ntk_predictor_options {
    size_t struct_size;              /**< NTK_PREDICTOR_OPTIONS_INIT */
    ntk_posterior posterior;         /**< default: ntk */
    ntk_decomposition decomposition; /**< default: Cholesky, t = infinity only; CG: the same without a factor; eigen: every t, and singular K at ridge 0 */
    ntk_loss_scale loss_scale;       /**< unit of time, see above */
    int32_t reserved;                /**< 0 */
    double ridge;                    /**< >= 0 */
    double ridge_relative;           /**< times trace/N, added too, >= 0 */
    double learning_rate;            /**< eta > 0; 0 means 1 */
    const ntk_array *f0;             /**< outputs of the network on the training inputs at t = 0, shape of y; NULL: 0; copied */
    int32_t consume;                 /**< 1, with Cholesky: the factor takes the place of the gram's entries, see ntk_solver_create() */
    int32_t reserved_2;              /**< 0 */
    const ntk_array *noise;          /**< a variance >= 0 of its own for every sample [n] (or row [N]), added to the diagonal beside the ridge; NULL: 0; copied, with N² numbers */
    double tolerance;                /**< of CG, see ntk_solver_options; 0 means its default */
} ntk_predictor_options;
/** Opens every initialiser of an ntk_predictor_options. */
#define NTK_PREDICTOR_OPTIONS_INIT sizeof(ntk_predictor_options)

/**
 * Joins a gram and targets y (copied): [N] or [N, c]; for a full gram of n o rows, [n, o] (or [n o]).
 * The gram must hold the kinds that the mean needs (the covariance of `ntk` needs both).  f64; f32 with Cholesky and CG.
 * Errors: ARGUMENT (negative ridge or rate), NOT_POSITIVE_DEFINITE (Cholesky).
 * Cost: one Cholesky (N³/3 flop) or eigendecomposition (9 N³); N² or 2 N² numbers.
 */
NTK_API ntk_status ntk_predictor_create(ntk_context *ctx, const ntk_gram *gram, const ntk_array *y, const ntk_predictor_options *options, ntk_predictor **predictor);

/** Gives the predictor back.  NULL: nothing happens. */
NTK_API void ntk_predictor_destroy(ntk_predictor *predictor);

/** A prediction that has not begun: a gram, a predictor made from it, and what it will be asked on the new inputs.  No data are needed. */
typedef struct ntk_predictor_job {
    size_t struct_size;              /**< NTK_PREDICTOR_JOB_INIT */
    int64_t n;                       /**< training samples */
    int64_t m;                       /**< new samples; 0: there are none yet */
    int64_t columns;                 /**< c of the targets [N, c]; 0 means 1 */
    int64_t inputs;                  /**< numbers per sample, of a callback kernel; other kernels know it */
    int64_t draws;                   /**< functions of ntk_predictor_sample() */
    ntk_dtype dtype;                 /**< of inputs, targets and answers */
    ntk_storage storage;             /**< of the gram of a kernel */
    ntk_posterior posterior;         /**< as in ntk_predictor_options */
    ntk_decomposition decomposition; /**< likewise */
    int32_t consume;                 /**< likewise */
    int32_t noise;                   /**< 1: options.noise will be given */
    int32_t f0;                      /**< 1: the outputs at the start will be given, of both sets */
    int32_t variance;                /**< 1: ntk_predictor_variance() will be asked */
    int32_t covariance;              /**< 1: a covariance will be */
    int32_t reserved;                /**< 0 */
} ntk_predictor_job;
/** Opens every initialiser of an ntk_predictor_job. */
#define NTK_PREDICTOR_JOB_INIT sizeof(ntk_predictor_job)

/**
 * What ntk_gram_create(), ntk_predictor_create() and the answers would take, one after the other, with dense arrays, no structure, and the threads of this
 * context.  `bytes` counts the gram, its copy of x and the factor; `result_bytes` are those of the answers, which the caller holds: the mean [m, c], and
 * variance, covariance and draws if they are asked for.  kernel NULL: the blocks are the caller's (ntk_gram_from_matrices(), ntk_test_set), who holds them.
 * Of conjugate gradients `flops` counts one product for each column that is solved for: how many it takes is known afterwards.  Memory of the BLAS: as
 * in ntk_kernel_estimate().  Errors: ARGUMENT, DTYPE, UNSUPPORTED of a kernel that cannot say.  Cost: none.
 */
NTK_API ntk_status ntk_predictor_estimate(ntk_context *ctx, const ntk_kernel *kernel, const ntk_predictor_job *job, ntk_estimate *estimate);

/** mean [m, c] on x [m] + input at t = infinity; the gram must come from a kernel.  Test inputs pass in blocks.
 *  Cost: the kernel of m x N pairs and 2 m N c flop. */
NTK_API ntk_status ntk_predictor_mean(ntk_context *ctx, const ntk_predictor *predictor, const ntk_array *x, ntk_array *mean);

/** covariance [m, m] on x [m] + input (it is the same for every column of y) at t = infinity.  Cost: the kernel of m x N and m x m pairs,
 *  and O(N² m + N m²) flop. */
NTK_API ntk_status ntk_predictor_covariance(ntk_context *ctx, const ntk_predictor *predictor, const ntk_array *x, ntk_array *covariance);

/** The blocks of the caller's own kernel on new inputs, or a time other than infinity.  NULL arrays: not needed. */
typedef struct ntk_test_set {
    size_t struct_size;            /**< NTK_TEST_SET_INIT */
    const ntk_array *x;            /**< inputs [m] + input, when the gram comes from a kernel; else the blocks: */
    const ntk_array *ntk;          /**< T* [m, N] */
    const ntk_array *nngp;         /**< K* [m, N] */
    const ntk_array *ntk_test;     /**< T** [m, m], for a covariance; its diagonal [m] is enough for a variance */
    const ntk_array *nngp_test;    /**< K** [m, m], for a covariance; its diagonal [m] is enough for a variance */
    const ntk_array *f0;           /**< start on the new inputs, shape of the mean; NULL: 0 */
    const ntk_structure *structure; /**< masks and graphs of x; NULL: none */
} ntk_test_set;
/** Opens every initialiser of an ntk_test_set. */
#define NTK_TEST_SET_INIT sizeof(ntk_test_set)

/** mean, shape [m, c], and covariance [m, m] (either may be NULL) on `test` at `time` t >= 0 or infinity.  Errors: ARGUMENT for finite t
 *  without the eigen decomposition; NULL with the name of the field for a block of `test` that is missing. */
NTK_API ntk_status ntk_predictor_at(ntk_context *ctx, const ntk_predictor *predictor, const ntk_test_set *test, double time, ntk_array *mean, ntk_array *covariance);

/** variance [m]: the diagonal of that covariance at `time` alone, never negative, without the rest of it: `test` passes in blocks of rows, however many they are.
 *  Errors as ntk_predictor_at().  Cost: the kernel of m x N pairs, 2 to 4 N² m flop; 3 N numbers per row of a block. */
NTK_API ntk_status ntk_predictor_variance(ntk_context *ctx, const ntk_predictor *predictor, const ntk_test_set *test, double time, ntk_array *variance);

/** samples [draws] + shape of the mean: functions drawn from the posterior at `time`, at all inputs of `test` together, each column of y on its own.  Draw s is
 *  a pure function of seed, s and the posterior.  Errors as ntk_predictor_at().  Cost: mean and covariance, 9 m³ flop, and 2 m² c per draw. */
NTK_API ntk_status ntk_predictor_sample(ntk_context *ctx, const ntk_predictor *predictor, const ntk_test_set *test, double time, uint64_t seed, ntk_array *samples);

/** What the model at t = infinity says of each training sample when it has seen all others (Rasmussen & Williams 2006, eq. 5.12), without a second
 *  decomposition: mean, shape of the y that the predictor was made with and that is handed over again, and variance [N] of the noisy target, or NULL; in the
 *  precision of the gram.  Errors: NOT_POSITIVE_DEFINITE.  Cost: 2 N³ flop; 256 N numbers. */
NTK_API ntk_status ntk_predictor_leave_one_out(ntk_context *ctx, const ntk_predictor *predictor, const ntk_array *y, ntk_array *mean, ntk_array *variance);

/** @name Classes
 *  Classification by regression on coded labels.  Outputs and probabilities are f64 or f32; labels i64, 0 ... c-1.
 *  @{ */

/** y [n, c] = 1 where a column is the class labels [n], else 0, minus 1/c: rows sum to 0.  Errors: ARGUMENT (a label outside 0 ... c-1). */
NTK_API ntk_status ntk_classes_code(ntk_context *ctx, const ntk_array *labels, ntk_array *y);

/** labels [m]: the column of the largest output of each row of f [m, c], the first of equals. */
NTK_API ntk_status ntk_classes_decide(ntk_context *ctx, const ntk_array *f, ntk_array *labels);

/** The temperature T of softmax(f/T) under which labels [n] are most likely given f [n, c]: of leave-one-out outputs (ntk_predictor_leave_one_out()) a
 *  calibration without held-out data (Guo et al. 2017).  It supposes that a left-out sample is as far from the rest as a new one will be: where neighbouring rows are
 *  all but copies (frames of a film, patches of an image), their left-out outputs are too good, and T too small; then calibrate on held-out groups.  Infinity where f is no better than chance; 1/1000 of the largest difference of outputs where f is always
 *  right.  Cost: about 60 n c exponentials. */
NTK_API ntk_status ntk_classes_temperature(ntk_context *ctx, const ntk_array *f, const ntk_array *labels, double *temperature);

/** p [m, c] = softmax(f/temperature), f [m, c], of its type; temperature > 0 or infinity. */
NTK_API ntk_status ntk_classes_probabilities(ntk_context *ctx, const ntk_array *f, double temperature, ntk_array *p);

/** Of probabilities p [m, c] and labels [m]: *accuracy, the share whose label has the largest probability, and *nll, the mean of -log p(label); either may be NULL.
 *  A label outside 0 ... c-1 is a class that was not known: an error, and of infinite nll. */
NTK_API ntk_status ntk_classes_score(ntk_context *ctx, const ntk_array *p, const ntk_array *labels, double *accuracy, double *nll);

/** @} */

/** @} */

/* ================================================================================================================= */
/**
 * @defgroup dynamics 14  Dynamics
 *
 * Gradient descent on the squared error, exactly (docs/mathematics.md §7.1; Jacot, Gabriel & Hongler 2018; Lee et al. 2019).
 *
 *     f(t) = y + exp(-eta t K/c) (f(0) - y);   theta(t) = theta(0) - D⁻¹ Jᵀ S_K(t) (f(0) - y)
 *
 * That is gradient flow.  With momentum m it is the heavy ball f'' = -(1 - m) f' - (eta/c) K (f - y), f'(0) = 0; with options.discrete, steps
 * theta_{k+1} = theta_k + m (theta_k - theta_{k-1}) - eta D⁻¹ grad L, in closed form by mode.  Weight decay w pulls theta towards
 * theta(0): K becomes K + w c I wherever modes decay, and f(infinity) = f(0) + K (K + w c)⁻¹ (y - f(0)).  With options.decay_to_zero it
 * pulls towards 0, and f(infinity) = b + K (K + w c)⁻¹ (y - b), b = f(0) - J theta(0): the linearised network's outputs at theta = 0.
 *
 * For singular K: f(infinity) = P y + (1 - P) f(0), P the projector on the range, by the rank tolerance.
 * @{
 */

/** Options of ntk_dynamics_create(). */
typedef struct ntk_dynamics_options {
    size_t struct_size;        /**< NTK_DYNAMICS_OPTIONS_INIT */
    ntk_kind kind;             /**< which kernel of the gram */
    ntk_loss_scale loss_scale; /**< c = 1 (sum) or the number of targets (mean) */
    double learning_rate;      /**< eta > 0; 0 means 1 */
    double tolerance;          /**< of the rank, relative; 0: N eps */
    const ntk_array *f0;       /**< f(0), shape of y; NULL: 0; copied */
    double momentum;           /**< m, 0 <= m < 1, of the heavy ball */
    double weight_decay;       /**< w >= 0: adds -eta w (theta - theta(0)) to what moves theta, not divided by D (decoupled) */
    int32_t discrete;          /**< not 0: gradient descent in steps of size eta; times count steps */
    int32_t reserved;          /**< 0 */
    int32_t decay_to_zero;     /**< not 0: the decay pulls theta towards 0, -eta w theta; needs theta0 or linear0 */
    int32_t decay_in_loss;     /**< not 0: the decay is the gradient of ½ w |theta|² (or of |theta - theta(0)|²) and divided by D; UNSUPPORTED unless D = 1, where it is the same */
    const ntk_array *theta0;   /**< theta(0) [p], with decay_to_zero and a gram of a Jacobian, one target per row; copied */
    const ntk_array *linear0;  /**< instead of it: J theta(0), shape of y; copied */
} ntk_dynamics_options;
/** Opens every initialiser of an ntk_dynamics_options. */
#define NTK_DYNAMICS_OPTIONS_INIT sizeof(ntk_dynamics_options)

/** Joins a gram and targets y (copied): [N] or [N, c]; for a full gram of n o rows, [n, o] or [n o].  Errors: ARGUMENT, NOT_CONVERGED.
 *  Cost: one eigendecomposition, 9 N³ flop and 2 N² numbers; every later time 2 N² c flop. */
NTK_API ntk_status ntk_dynamics_create(ntk_context *ctx, const ntk_gram *gram, const ntk_array *y, const ntk_dynamics_options *options, ntk_dynamics **dynamics);

/** Gives the dynamics back.  NULL: nothing happens. */
NTK_API void ntk_dynamics_destroy(ntk_dynamics *dynamics);

/** f [times] + shape of y, at times[0 ... n_times-1] >= 0, infinity allowed, in any order. */
NTK_API ntk_status ntk_dynamics_at(ntk_context *ctx, const ntk_dynamics *dynamics, const double *times, int64_t n_times, ntk_array *f);

/** Outputs on new inputs: f [times, m, c], from k_test = K* [m, N] and f0 [m, c] (NULL: 0), at times[0 ... n_times-1]:
 *  f*(t) = f0* - K* S_K(t) (f(0) - y).  Cost per time: 2 N (N + m) c flop. */
NTK_API ntk_status ntk_dynamics_test_at(ntk_context *ctx, const ntk_dynamics *dynamics, const ntk_array *k_test, const ntk_array *f0, const double *times, int64_t n_times, ntk_array *f);

/** theta(t) - theta(0): out [times, p], at times[0 ... n_times-1].  Errors: ARGUMENT unless the gram was made from a Jacobian and y
 *  has one column.  Cost per time: one product Jᵀ u. */
NTK_API ntk_status ntk_dynamics_parameters_at(ntk_context *ctx, const ntk_dynamics *dynamics, const double *times, int64_t n_times, ntk_array *out);

/** The loss at times[0 ... n_times-1]: out [times], in the loss scale of the options.  Cost per time: N c flop. */
NTK_API ntk_status ntk_dynamics_loss_at(ntk_context *ctx, const ntk_dynamics *dynamics, const double *times, int64_t n_times, ntk_array *out);

/** ntk_dynamics_test_at() for weights that decay towards 0: f [times, m, c] at times[0 ... n_times-1], from k_test = K* [m, N], f0 [m, c] (NULL: 0) and
 *  linear0 = J* theta(0) [m, c] of the new inputs.  Errors: ARGUMENT without options.decay_to_zero.  Cost per time: 2 N (N + m) c flop. */
NTK_API ntk_status ntk_dynamics_test_decayed_at(ntk_context *ctx, const ntk_dynamics *dynamics, const ntk_array *k_test, const ntk_array *f0, const ntk_array *linear0, const double *times, int64_t n_times, ntk_array *f);

/** The share of the error of each mode that is left at times[0 ... n_times-1]: out [times, N], eigenvalues from the largest.  1 in the null space.  Steps without
 *  stability may be negative or exceed 1.  Errors: UNSUPPORTED with options.decay_to_zero (no error is a multiple of its first), as ntk_dynamics_bound_at(). */
NTK_API ntk_status ntk_dynamics_decay_at(ntk_context *ctx, const ntk_dynamics *dynamics, const double *times, int64_t n_times, ntk_array *out);

/** A certificate at times[0 ... n_times-1], out [times]: L(t) <= ½|(1 - P)(y - f(0))|²/c + max over modes of the range of their share² times the rest of L(0); for gradient
 *  flow the share² is exp(-2 eta lambda_min t/c), lambda_min the smallest eigenvalue above the rank tolerance. */
NTK_API ntk_status ntk_dynamics_bound_at(ntk_context *ctx, const ntk_dynamics *dynamics, const double *times, int64_t n_times, ntk_array *out);

/** The time (with options.discrete: the number of steps) after which no more than a `share` > 0 of the error of each mode is left: out [N]; infinity:
 *  never.  With momentum errors swing through zero; then it is the last time at which |error| exceeds the share, which is < 1.  Errors:
 *  ARGUMENT; UNSTABLE for steps that are too large; UNSUPPORTED with options.decay_to_zero. */
NTK_API ntk_status ntk_dynamics_mode_times(ntk_context *ctx, const ntk_dynamics *dynamics, double share, ntk_array *out);

/** The first time, or number of steps, with L(t) <= loss, by bisection; infinity: never.  Errors as ntk_dynamics_mode_times(), and UNSUPPORTED with
 *  momentum: the loss rises and falls.
 *  Cost: about 60 N c flop. */
NTK_API ntk_status ntk_dynamics_time_to_loss(ntk_context *ctx, const ntk_dynamics *dynamics, double loss, double *time);

/** Learning rate at which steps with the momentum of the options cease to converge, 2 (1 + m) c/(lambda_max + w c); infinity if nothing
 *  moves; -1 for NULL. */
NTK_API double ntk_dynamics_largest_step(const ntk_dynamics *dynamics);

/** What of the loss no training removes, ½|(1 - P)(y - f(0))|²/c; -1 for NULL. */
NTK_API double ntk_dynamics_unreachable_loss(const ntk_dynamics *dynamics);

/** Rank of K as used at t = infinity; -1 for NULL. */
NTK_API int64_t ntk_dynamics_rank(const ntk_dynamics *dynamics);

/** @} */

/* ================================================================================================================= */
/**
 * @defgroup learning 15  Dynamics of any loss
 *
 * Gradient descent of the linearised network on a loss L(f) that need not be a square: cross-entropy, logistic, Huber, or the caller's own.
 * With weights w(t), one per row of K and column of y,
 *
 *     f(t) = f(0) - K w(t),   f*(t) = f*(0) - K* w(t),   theta(t) = theta(0) - D⁻¹ Jᵀ w(t)
 *     w'  = eta (grad L(f) - decay w),                                  w(0) = 0
 *     w'' = eta (grad L(f) - decay w) - (1 - m) w',   w'(0) = 0         with momentum m: the heavy ball of section 14
 *
 * (K = K_D of a gram from a Jacobian with D).  Steps choose their length: Dormand and Prince's method of order 5, and where that is held
 * back by stability, Runge-Kutta-Chebyshev of order 2 (without momentum).  Every step's error of any output, on the training set or at
 * an input x with K(x, x) no larger than on it, is kept below `tolerance` times the largest of |f|, |f(0)| and |y|: the error d of w moves
 * no output by more than sqrt(K(x, x) dᵀ K d).  Errors of steps add up; along directions that training contracts they fade.
 * @{
 */

/**
 * A loss of the caller's: gradient [samples, outputs] of the sum over samples at outputs f, targets y as given; and, where value is not
 * NULL, the sum itself.  Dense.  Returns 0, or a number that stops the call with ERROR_CALLBACK.
 */
typedef int (*ntk_loss_callback)(void *user, int64_t samples, int64_t outputs, const double *f, const double *y, double *gradient, double *value);

/** Options of ntk_learning_create(). */
typedef struct ntk_learning_options {
    size_t struct_size;         /**< NTK_LEARNING_OPTIONS_INIT */
    ntk_kind kind;              /**< which kernel of the gram */
    ntk_loss loss;              /**< unless there is a callback */
    ntk_loss_scale loss_scale;  /**< MEAN: divided by the number of samples (cross-entropy) or targets (others, and callbacks) */
    int32_t discrete;           /**< not 0: steps of size eta, theta_{k+1} = theta_k + m (theta_k - theta_{k-1}) - eta D⁻¹ grad; times count steps */
    double learning_rate;       /**< eta > 0; 0 means 1 */
    double momentum;            /**< 0 <= m < 1 */
    double weight_decay;        /**< w >= 0, towards theta(0), not divided by D, as in ntk_dynamics_options */
    double huber_delta;         /**< > 0; 0 means 1 */
    double tolerance;           /**< relative, per step, in [1e-13, 0.1]; 0 means 1e-10 */
    double steady;              /**< the time infinity is where |f'| has fallen to this share of |f'(0)|; 0 means 1e-8 */
    int64_t max_steps;          /**< tried in one call; 0 means 1,000,000 */
    const ntk_array *f0;        /**< f(0), shape of y; NULL: 0; copied */
    ntk_loss_callback callback; /**< NULL: `loss` */
    void *user;                 /**< handed to the callback */
    double curvature;           /**< of a callback's loss: no eigenvalue of a sample's second derivative is larger; 0: not known, explicit steps only */
} ntk_learning_options;
/** Opens every initialiser of an ntk_learning_options. */
#define NTK_LEARNING_OPTIONS_INIT sizeof(ntk_learning_options)

/** Joins a gram and targets y (copied): [N] or [N, c]; for a full gram of n o rows, [n, o].  The c (or o) numbers of a sample are one f of
 *  the loss.  Errors: ARGUMENT (targets that the loss does not take, options), SHAPE.  Cost: about fifty products with K, N² c flop each. */
NTK_API ntk_status ntk_learning_create(ntk_context *ctx, const ntk_gram *gram, const ntk_array *y, const ntk_learning_options *options, ntk_learning **learning);

/** Gives it back.  NULL: nothing happens. */
NTK_API void ntk_learning_destroy(ntk_learning *learning);

/** Numbers of a state: where training stands, to go on later; -1 for NULL. */
NTK_API int64_t ntk_learning_state_size(const ntk_learning *learning);

/**
 * weights w [times] + shape of y at times[0 ... n_times-1] >= 0, none before the one that precedes it; infinity may be last: the steady
 * state.  state [ntk_learning_state_size()] f64, or NULL: zeros begin at t = 0; on return it is where the last time left off, and going on
 * from a copy, of a file or in another process, is as if there had been no pause.  Its first number is the time.
 * Errors: ARGUMENT (times that decrease, or lie before that of the state), NOT_CONVERGED (max_steps, or a gradient that is not smooth),
 * CALLBACK, OVERFLOW.  After an error the state is unchanged.  Cost: 6 products with K per explicit step, 2 N² c flop each.
 */
NTK_API ntk_status ntk_learning_weights_at(ntk_context *ctx, const ntk_learning *learning, ntk_array *state, const double *times, int64_t n_times, ntk_array *weights);

/** f [times] + shape of y: outputs on the training set for weights of ntk_learning_weights_at().  Cost per time: 2 N² c flop. */
NTK_API ntk_status ntk_learning_train(ntk_context *ctx, const ntk_learning *learning, const ntk_array *weights, ntk_array *f);

/** f [times, m, c] on new inputs for weights [times] + shape of y, from k_test = K* [m, N] and f0 [m, c] (NULL: 0).  Cost per time: 2 m N c flop. */
NTK_API ntk_status ntk_learning_test(ntk_context *ctx, const ntk_learning *learning, const ntk_array *k_test, const ntk_array *f0, const ntk_array *weights, ntk_array *f);

/** The loss for weights, without the decay: out [times], in the loss scale of the options. */
NTK_API ntk_status ntk_learning_loss(ntk_context *ctx, const ntk_learning *learning, const ntk_array *weights, ntk_array *out);

/** theta - theta(0) for weights: out [times, p].  Errors: ARGUMENT unless the gram was made from a Jacobian and y has one column or is [n, o]. */
NTK_API ntk_status ntk_learning_parameters(ntk_context *ctx, const ntk_learning *learning, const ntk_array *weights, ntk_array *out);

/** @} */

/* ================================================================================================================= */
/**
 * @defgroup system 16  Training as a linear system
 *
 * Control theory of the linearised training (docs/mathematics.md §9).
 *
 * The error e = f - y of gradient flow obeys e' = -K e: the system A = -K, B = C = I.  Its Gramians are
 *     W_o(T) = int_0^T exp(Aᵀt) Cᵀ C exp(At) dt,    W_c(T) = int_0^T exp(At) B Bᵀ exp(Aᵀt) dt,
 * and for C = I, W_o = ½ K⁻¹ (1 - exp(-2KT)): spectral bias is finite-horizon observability.
 * @{
 */

/** A = -K of a gram (its `kind`), B and C the identity.  Cost: one eigendecomposition, 9 N³ flop and 2 N² numbers. */
NTK_API ntk_status ntk_system_from_gram(ntk_context *ctx, const ntk_gram *gram, ntk_kind kind, ntk_system **system);

/** The caller's a [s, s], b [s, i] and c [q, s]; NULL b or c: identity.  Copied.  An a symmetric to 1e-12 of its largest entry counts as
 *  symmetric.  Errors: NOT_CONVERGED.  Cost: one eigendecomposition, 9 s³ flop; of a general a one real Schur form, 25 s³. */
NTK_API ntk_status ntk_system_from_matrices(ntk_context *ctx, const ntk_array *a, const ntk_array *b, const ntk_array *c, ntk_system **system);

/** The system with the same A, of which nothing is computed again, and other ports: b [s, i] and c [q, s], copied; NULL keeps that of `system`.  So a gram
 *  gets chosen outputs: c of some rows of the identity, or of e(0)ᵀ.  Errors: UNSUPPORTED in parameter space. */
NTK_API ntk_status ntk_system_with_ports(ntk_context *ctx, const ntk_system *system, const ntk_array *b, const ntk_array *c, ntk_system **made);

/**
 * Training in parameter space, theta' = -D⁻¹Jᵀ(J theta - y) - weight_decay theta: A = -(D⁻¹JᵀJ + weight_decay), B = D⁻¹Jᵀ, C = J, with
 * the D of `optimizer` (NULL: identity) and weight_decay >= 0.  s = p; A is similar to a symmetric matrix and is never formed: kept
 * are the eigenvectors of K = J D⁻¹ Jᵀ while cond(K) <= 1e5, from one product of J with itself, else (or for more rows than columns) the
 * singular vectors of J D^-1/2, which keep what K loses: results are good to about cond(K) eps, or eps.  For Gramians, their factors and
 * residuals, steps, Hankel values and truncations (the system is balanced as it stands), least energies, responses and margins; other calls are
 * UNSUPPORTED.  Modes in the null space of J are neither seen nor driven, and are left out whether they decay or not: the minimal solution
 * (ntk_system_rank() < s says that there are some).
 * At infinity, D = 1: W_o = ½ P_row(J) without decay, 2 tr W_o = tr K (K + weight_decay)⁻¹ with it: the effective dimension.
 * J is kept.  Errors: ARGUMENT.  Cost: N² p + 9 N³ flop, 4 N² numbers; for singular vectors O(N p min(N, p)) flop, 3 N p numbers.
 */
NTK_API ntk_status ntk_system_from_jacobian(ntk_context *ctx, const ntk_jacobian *jacobian, const ntk_optimizer *optimizer, double weight_decay,
                                            ntk_system **system);

/** Gives the system back.  NULL: nothing happens. */
NTK_API void ntk_system_destroy(ntk_system *system);

/** State dimension s; -1 for NULL. */
NTK_API int64_t ntk_system_size(const ntk_system *system);
/** The number of modes kept: the rank of J of a system from a Jacobian, else s; -1 for NULL. */
NTK_API int64_t ntk_system_rank(const ntk_system *system);
/** Columns of B; -1 for NULL. */
NTK_API int64_t ntk_system_inputs(const ntk_system *system);
/** Rows of C; -1 for NULL. */
NTK_API int64_t ntk_system_outputs(const ntk_system *system);
/** Spectral abscissa: the largest real part of an eigenvalue of A, the slowest mode; -infinity without states; NaN only for NULL. */
NTK_API double ntk_system_abscissa(const ntk_system *system);

/** A, B and C into the caller's a [s, s], b [s, inputs], c [outputs, s]; NULL: not wanted. */
NTK_API ntk_status ntk_system_get_matrices(ntk_context *ctx, const ntk_system *system, ntk_array *a, ntk_array *b, ntk_array *c);

/**
 * The Gramian `which`: w [s, s] over [0, horizon]; horizon > 0 or infinity.
 * At infinity, modes that do not decay and are not seen by C (driven by B) are left out: the minimal solution, see ntk_system_resting_modes().
 * Errors: UNSTABLE names the eigenvalue of one that is seen, OVERFLOW.  Cost: two or three products, 2 s³ flop each; of a general A about 12 s³ flop at infinity (Bartels & Stewart 1972), else 6 s³
 * per doubling of a short horizon, log2(|A| T) times.
 */
NTK_API ntk_status ntk_system_gramian(ntk_context *ctx, const ntk_system *system, ntk_gramian which, double horizon, ntk_array *w);

/** *count = the modes that do not decay and that C does not see (which = observability; else B does not drive): more than 0 says that the
 *  Gramian at infinity is the minimal one of many solutions.  Errors: UNSTABLE, as there.  Cost: none where all modes decay; else s³. */
NTK_API ntk_status ntk_system_resting_modes(ntk_context *ctx, const ntk_system *system, ntk_gramian which, int64_t *count);

/** A factor f [p, rank] of the Gramian `which` of a system from a Jacobian over [0, horizon], W = f fᵀ, rank: ntk_system_rank().  Nothing p x p is
 *  formed.  Errors: ARGUMENT, UNSUPPORTED for other systems.  Cost: 2 N p rank flop (p rank of singular vectors), and no memory where f is dense. */
NTK_API ntk_status ntk_system_gramian_factor(ntk_context *ctx, const ntk_system *system, ntk_gramian which, double horizon, ntk_array *f);

/** The Gramian `which` of gradient descent with a step, x_{k+1} = (I + step A) x_k: w [s, s] = sum_k (I + step A)ᵀ^k CᵀC (I + step A)^k, or
 *  its controllability twin: the solution of Stein's equation.  step > 0; for A = -K below 2/lambda_max.  In parameter space by mode.  Errors: UNSTABLE.
 *  Cost: 6 s³ flop per doubling of the number of steps that count (Smith 1968). */
NTK_API ntk_status ntk_system_discrete_gramian(ntk_context *ctx, const ntk_system *system, ntk_gramian which, double step, ntk_array *w);

/** |Eᵀ W E - W + CᵀC| (which = observability; else its twin), E = I + step A, relative to (|E|² + 1) |W| + |CᵀC|, Frobenius norms: the residual of w [s, s] in
 *  Stein's equation, a few eps for ntk_system_discrete_gramian().  Errors: ARGUMENT.  Cost: 4 s³ flop. */
NTK_API ntk_status ntk_system_discrete_residual(ntk_context *ctx, const ntk_system *system, ntk_gramian which, double step, const ntk_array *w, double *residual);

/** values [s] = the Hankel singular values sqrt(lambda(W_c W_o)), largest first: what the outputs' future remembers of the inputs' past
 *  (Moore 1981).  Errors: UNSTABLE.  Cost: both Gramians, two eigendecompositions and one SVD; 10 s² numbers; in parameter space, where
 *  they are sigma²/(2 (sigma² + weight_decay)) of the singular values of J D^-1/2, none. */
NTK_API ntk_status ntk_system_hankel(ntk_context *ctx, const ntk_system *system, ntk_array *values);

/** The balanced truncation to k states, as a new system; its transfer function differs from this one's by at most *bound = 2 (sigma_{k+1} +
 *  ... + sigma_s) in the H-infinity norm (Glover 1984); bound may be NULL.  Errors: ARGUMENT (k beyond 1 ... s, or beyond the
 *  positive Hankel values), UNSTABLE.  Cost: as ntk_system_hankel(), and a Schur form of k states. */
NTK_API ntk_status ntk_system_reduce(ntk_context *ctx, const ntk_system *system, int64_t k, double *bound, ntk_system **reduced);

/** The free response z [times, outputs], z(t) = C exp(A t) x0, at times[0 ... n_times-1] >= 0, finite and ascending; x0 [s].  With A = -K and
 *  x0 = f(0) - y: the errors of training.  Errors: ARGUMENT, OVERFLOW.  Cost: 2 s² (times + outputs) flop; of a general A an exponential
 *  (16 products of s x s, and log2(|A| t) more) per length of a step. */
NTK_API ntk_status ntk_system_response(ntk_context *ctx, const ntk_system *system, const ntk_array *x0, const double *times, int64_t n_times, ntk_array *z);

/** Options of ntk_system_reconstruct(). */
typedef struct ntk_reconstruct_options {
    size_t struct_size;     /**< NTK_RECONSTRUCT_OPTIONS_INIT */
    const ntk_array *noise; /**< [times] f64, the deviation > 0 of each sample's noise, the same for all outputs; NULL: 1 */
    double prior;           /**< deviation of every number of x0 as known beforehand (mean 0); 0: nothing is known */
    double tolerance;       /**< of directions that are shown, relative to the best; 0: s eps */
} ntk_reconstruct_options;
/** Opens every initialiser of an ntk_reconstruct_options. */
#define NTK_RECONSTRUCT_OPTIONS_INIT sizeof(ntk_reconstruct_options)

/**
 * The initial state x0 [s] from samples z [times, outputs] of the outputs, z_k = C exp(A t_k) x0 + noise, at times[0 ... n_times-1], ascending: with
 * the Gramian of the samples G = sum_k exp(Aᵀt_k) CᵀC exp(At_k)/s_k², x0 = G⁻¹ sum_k exp(Aᵀt_k) Cᵀ z_k/s_k², the weighted least squares estimate, and its
 * covariance [s, s] = G⁻¹ (NULL: not wanted); a prior adds 1/prior² to G.  With s_k² = R/h_k, h_k the weights of a quadrature over [0, T], that is
 * W_o(T)⁻¹ int exp(Aᵀt) Cᵀ z dt with its integrals so summed, and the covariance R W_o(T)⁻¹.  *rank (may be NULL): the directions that the samples
 * show; without a prior the others are 0 in x0, and left out of the covariance.
 * Errors: ARGUMENT, UNSUPPORTED in parameter space, OVERFLOW.  Cost: s² times + 15 s³ flop; of a general A 4 s² outputs per time and the exponentials.
 */
NTK_API ntk_status ntk_system_reconstruct(ntk_context *ctx, const ntk_system *system, const double *times, int64_t n_times, const ntk_array *z, const ntk_reconstruct_options *options, ntk_array *x0, ntk_array *covariance, int64_t *rank);

/** The eigenvectors of the Gramian `which` over [0, horizon], columns of vectors [s, s] (NULL: not wanted), with its eigenvalues energies [s], largest
 *  first, and shares [s] (NULL: not wanted) of what the same direction gives for ever, vᵀ W(T) v / vᵀ W(infinity) v; 0 for one that is never seen.  For
 *  A = -K: 1 - exp(-2 lambda T), what of mode lambda is learnt by T; the error left is the root of the rest.
 *  Errors: ARGUMENT, UNSTABLE, UNSUPPORTED in parameter space.  Cost: the Gramian (with shares two) and 9 s³ flop; none of a gram. */
NTK_API ntk_status ntk_system_directions(ntk_context *ctx, const ntk_system *system, ntk_gramian which, double horizon, ntk_array *vectors, ntk_array *energies, ntk_array *shares);

/** *energy = xᵀ W_c(horizon)⁻¹ x, the least int |u|² dt of inputs that bring the state from 0 to x [s] in the time `horizon` (infinity is fine);
 *  costate [s] = W_c⁻¹ x (NULL: not wanted) gives that input, u(t) = Bᵀ exp(Aᵀ(horizon - t)) costate.  Errors: UNREACHABLE, with the share of x that no input
 *  reaches, ARGUMENT, UNSTABLE, OVERFLOW.  Cost: as ntk_system_directions(); in parameter space J x and Jᵀ u. */
NTK_API ntk_status ntk_system_minimum_energy(ntk_context *ctx, const ntk_system *system, double horizon, const ntk_array *x, double *energy, ntk_array *costate);

/** values [s, 2] = real and imaginary parts of the eigenvalues of A, slowest (largest real part) first. */
NTK_API ntk_status ntk_system_get_eigenvalues(ntk_context *ctx, const ntk_system *system, ntk_array *values);

/** The eigenvalue of largest real part, *real + i *imaginary (imaginary >= 0), and a unit right eigenvector of it, mode [s, 2]: real and imaginary
 *  part.  Any of the three may be NULL.  Errors: ARGUMENT without states, UNSUPPORTED in parameter space. */
NTK_API ntk_status ntk_system_dominant_mode(ntk_context *ctx, const ntk_system *system, double *real, double *imaginary, ntk_array *mode);

/** *time = ln(1/share)/(-a): when the slowest mode that moves is down to `share` in (0, 1), a its real part; infinity: never, 0: nothing moves.  *certain
 *  (may be NULL) = a time after which |x(t)| <= share |x(0)| whatever the start: the same for a symmetric A, whose resting modes (eigenvalue 0) are
 *  left out of both; of a general A, which may grow before it decays, by Lyapunov's function xᵀ P x, P the observability Gramian of C = 1; in
 *  parameter space ½ ln cond(D)/(-a) later.  Errors: ARGUMENT.  Cost of *certain of a general A: 20 s³ flop. */
NTK_API ntk_status ntk_system_settling_time(ntk_context *ctx, const ntk_system *system, double share, double *time, double *certain);

/** Gradient descent x + h A x converges for steps 0 < h < this: the least of -2 Re lambda/|lambda|² over the eigenvalues of A (for A = -K: 2/lambda_max);
 *  those that are 0 rest and set no limit; 0 if one grows or turns for ever, infinity if nothing moves, -1 for NULL. */
NTK_API double ntk_system_largest_step(const ntk_system *system);

/** The solution x [s, s] of the Lyapunov equation Aᵀ x + x A + q = 0 (which = observability; else A x + x Aᵀ + q = 0) of any symmetric q [s, s], for any A
 *  no two eigenvalues of which add up to 0.  Errors: UNSTABLE if two do, ARGUMENT if q is not symmetric to 1e-12, UNSUPPORTED in parameter space, OVERFLOW.
 *  Cost: four products, 2 s³ flop each; of a general A 12 s³. */
NTK_API ntk_status ntk_system_lyapunov(ntk_context *ctx, const ntk_system *system, ntk_gramian which, const ntk_array *q, ntk_array *x);

/** |Aᵀ W + W A + CᵀC| (or its controllability twin) relative to 2 |A| |W| + |CᵀC|, Frobenius norms: the residual of w [s, s]
 *  as an infinite-horizon Gramian `which`: a few eps for that of ntk_system_gramian().  Cost: 4 s³ flop. */
NTK_API ntk_status ntk_system_residual(ntk_context *ctx, const ntk_system *system, ntk_gramian which, const ntk_array *w, double *residual);

/** @} */

/* ================================================================================================================= */
/**
 * @defgroup design 17  Choosing a design
 *
 * What the data say of a kernel, without training a network and without held-out data: one spectrum serves every ridge.
 *
 * A = K + ridge I; targets y [N, m], each column on its own.  For a full gram of n samples and o outputs N = n o.
 * @{
 */

/** value = log p(y) for y ~ N(0, A): -½ sum yᵀ A⁻¹ y - m/2 log det A - N m/2 log 2 pi (Rasmussen & Williams 2006, eq. 2.30),
 *  y [N, m] f64, ridge >= 0 absolute.  Errors: ARGUMENT (values only), NOT_POSITIVE_DEFINITE names the eigenvalue.  Cost 2 N² m flop. */
NTK_API ntk_status ntk_spectrum_log_evidence(ntk_context *ctx, const ntk_spectrum *spectrum, const ntk_array *y, double ridge, double *value);

/** What the model says of each sample when it has seen all others (eq. 5.12 there): mean [N, m] = y - A⁻¹y / diag A⁻¹, variance [N] =
 *  1 / diag A⁻¹, that of the noisy target; variance may be NULL.  Errors as above.  Cost 4 N² m + 2 N² flop. */
NTK_API ntk_status ntk_spectrum_leave_one_out(ntk_context *ctx, const ntk_spectrum *spectrum, const ntk_array *y, double ridge, ntk_array *mean, ntk_array *variance);

/** Options of ntk_design_measure(). */
typedef struct ntk_design_options {
    size_t struct_size; /**< NTK_DESIGN_OPTIONS_INIT */
    double ridge;       /**< added to the diagonal, >= 0, absolute */
    double fraction;    /**< of the first loss, for TIME_TO_LOSS; in (0, 1), 0: 0.01 */
    int64_t samples;    /**< that PREDICTED_ERROR is for; 0: N */
} ntk_design_options;
/** Opens every initialiser of an ntk_design_options. */
#define NTK_DESIGN_OPTIONS_INIT sizeof(ntk_design_options)

/** values [k] = the first k measures of ntk_measure, k <= NTK_MEASURE_COUNT, f64; y [N, m].  PREDICTED_ERROR is the learning curve of
 *  the spectrum (Bordelon et al. 2020; Simon et al. 2021), blind to modes that N samples do not show.  Errors: as
 *  ntk_spectrum_log_evidence(), SHAPE.  Cost 6 N² m flop. */
NTK_API ntk_status ntk_design_measure(ntk_context *ctx, const ntk_spectrum *spectrum, const ntk_array *y, const ntk_design_options *options, ntk_array *values);

/** @} */

/* ================================================================================================================= */
/**
 * @defgroup train 18  Training
 *
 * A finite network trained for real, with all samples in every step, and the same for the network that is linear in its parameters,
 * f(theta) = f(theta0) + J(theta0) (theta - theta0): theory is exact for that one, and the distance of the two is what width makes small.
 *
 * A trainer changes as it runs.  A step is whole or not at all: a run that was cancelled leaves the trainer after its last whole step, where
 * it can be asked, saved and run on.
 * @{
 */

/** Options of ntk_trainer_create(). */
typedef struct ntk_trainer_options {
    size_t struct_size;        /**< NTK_TRAINER_OPTIONS_INIT */
    ntk_loss loss;             /**< default: squared error */
    ntk_loss_scale loss_scale; /**< sum (default), or mean, see ntk_loss */
    ntk_descent descent;       /**< default: gradient descent */
    int32_t linearised;        /**< not 0: the network linear in its parameters, around the theta given */
    double learning_rate;      /**< eta > 0; 0 means 1.  A layer with "lr" r takes eta r */
    double beta1;              /**< momentum, or Adam's beta1, in (0, 1); 0 means 0.9 */
    double beta2;              /**< Adam's, in (0, 1); 0 means 0.999 */
    double epsilon;            /**< Adam's, > 0; 0 means 1e-8 */
    double delta;              /**< Huber's, > 0; 0 means 1 */
    const ntk_optimizer *optimizer; /**< a frozen D: steps along D⁻¹ grad L, not with Adam; NULL: 1 */
} ntk_trainer_options;
/** Opens every initialiser of an ntk_trainer_options. */
#define NTK_TRAINER_OPTIONS_INIT sizeof(ntk_trainer_options)

/**
 * A trainer of `network` from theta [p] on x [n] + input with targets y [n, o]; all copied.  With r the rate of a layer, g = grad L:
 *     gd        theta <- theta - eta r D⁻¹ g
 *     momentum  m <- beta1 m + g,  theta <- theta - eta r D⁻¹ m                                      (Polyak 1964)
 *     adam      m <- beta1 m + (1 - beta1) g,  v <- beta2 v + (1 - beta2) g²,
 *               theta <- theta - eta r (m/(1 - beta1^t)) / (sqrt(v/(1 - beta2^t)) + epsilon)         (Kingma & Ba 2015)
 * Works in f64 and f32: x, y, moments, outputs and gradient have the type of theta (else DTYPE); in f32 losses are computed, and each number of a
 * step is, in f64, then rounded.
 * Errors: ARGUMENT (y as ntk_loss says), UNSUPPORTED (an op without a finite reading).
 * Memory: x, y and up to 5 p numbers.
 */
NTK_API ntk_status ntk_trainer_create(ntk_context *ctx, const ntk_network *network, const ntk_array *theta, const ntk_array *x, const ntk_array *y,
                                      const ntk_trainer_options *options, ntk_trainer **trainer);

/** Gives the trainer back.  NULL: nothing happens. */
NTK_API void ntk_trainer_destroy(ntk_trainer *trainer);

/** `steps` >= 0 more steps.  Errors: CANCELLED; OVERFLOW where training diverges, with the number of steps: the trainer then stays there.
 *  Cost of a step: about three forward passes, of a linearised network five. */
NTK_API ntk_status ntk_trainer_run(ntk_context *ctx, ntk_trainer *trainer, int64_t steps);

/** Puts training where a former trainer of the same arguments stood after `steps`: theta [p], first [p] and second [p] as
 *  ntk_trainer_get_moments() gave them, NULL where the descent keeps none.  What follows is then the same to the bit.  Errors: ARGUMENT. */
NTK_API ntk_status ntk_trainer_resume(ntk_context *ctx, ntk_trainer *trainer, int64_t steps, const ntk_array *theta, const ntk_array *first,
                                      const ntk_array *second);

/** Steps done; -1 for NULL. */
NTK_API int64_t ntk_trainer_steps(const ntk_trainer *trainer);

/** theta [p] after these steps. */
NTK_API ntk_status ntk_trainer_get_parameters(ntk_context *ctx, const ntk_trainer *trainer, ntk_array *theta);

/** The moments m into first [p] and v into second [p]; NULL: not wanted.  Errors: ARGUMENT for one that the descent does not keep (gd: both; momentum: second). */
NTK_API ntk_status ntk_trainer_get_moments(ntk_context *ctx, const ntk_trainer *trainer, ntk_array *first, ntk_array *second);

/** f [n, o] on the training inputs at theta.  Cost: as a step, which the next one then saves. */
NTK_API ntk_status ntk_trainer_get_outputs(ntk_context *ctx, ntk_trainer *trainer, ntk_array *f);

/** The loss at theta.  Cost: as ntk_trainer_get_outputs(). */
NTK_API ntk_status ntk_trainer_get_loss(ntk_context *ctx, ntk_trainer *trainer, double *loss);

/** @} */

/* ================================================================================================================= */
/**
 * @defgroup tune 19  Tuning a design
 *
 * What the data say of every w_std, b_std, lr and of the noise, and in which direction it grows: the gradient, by the adjoint of the kernel's
 * recursion, costs a few kernels whatever the number of parameters.  Any optimizer of functions with gradients can take it from there, best in
 * the logarithms of the values.  For networks of vectors made of dense layers, activations, layer_norm, branch (sum, product, concat) and repeat; of the activations
 * relu, leaky_relu, abrelu, abs, erf, sigmoid_like, sin, cos, rbf, exp, gelu, gaussian, hermite, exp_normalized, polynomial and monomial.
 * @{
 */

/** Options of ntk_tuner_create(). */
typedef struct ntk_tuner_options {
    size_t struct_size;      /**< NTK_TUNER_OPTIONS_INIT */
    ntk_kind kind;           /**< the kernel; lr is a parameter of the NTK alone */
    ntk_objective objective; /**< what shall grow */
    double noise;            /**< first value of the variance added to the diagonal, > 0; 0 means 0.01 */
} ntk_tuner_options;
/** Opens every initialiser of an ntk_tuner_options. */
#define NTK_TUNER_OPTIONS_INIT sizeof(ntk_tuner_options)

/**
 * Joins a network with inputs x [n] + input (f64, read now) and targets y [n, m] (copied), n >= 2; A = K + noise I, each column of y on its own.
 * Errors: UNSUPPORTED with the path of the layer, SHAPE.  Cost: n² d flop and n² numbers.
 */
NTK_API ntk_status ntk_tuner_create(ntk_context *ctx, const ntk_network *network, const ntk_array *x, const ntk_array *y, const ntk_tuner_options *options, ntk_tuner **tuner);

/** Gives the tuner back.  NULL: nothing happens. */
NTK_API void ntk_tuner_destroy(ntk_tuner *tuner);

/** Number of parameters k: w_std, b_std (where it is positive) and lr (where it counts and is positive) of each dense layer in order, the noise
 *  last; -1 for NULL.  The layers of a repeat are one each. */
NTK_API int64_t ntk_tuner_parameters(const ntk_tuner *tuner);

/** "layers[0].w_std", ..., "noise": the name of parameter `index`, into text [size].  Errors: ARGUMENT. */
NTK_API ntk_status ntk_tuner_get_name(ntk_context *ctx, const ntk_tuner *tuner, int64_t index, char *text, size_t size);

/** The network's own values [k]. */
NTK_API ntk_status ntk_tuner_get_values(ntk_context *ctx, const ntk_tuner *tuner, ntk_array *values);

/**
 * The objective at values [k] > 0 and, unless NULL, its gradient [k] with respect to them: value and gradient are written.
 * Errors: ARGUMENT, NOT_POSITIVE_DEFINITE, OVERFLOW.  Cost: two kernels; n³/3 + 2 n³ flop (without a gradient, and for the evidence, n³/3), 3 n² numbers.
 */
NTK_API ntk_status ntk_tuner_evaluate(ntk_context *ctx, const ntk_tuner *tuner, const ntk_array *values, double *value, ntk_array *gradient);

/** The network with values [k]; the noise is not part of it. */
NTK_API ntk_status ntk_tuner_network(ntk_context *ctx, const ntk_tuner *tuner, const ntk_array *values, ntk_network **network);

/** @} */

/* ================================================================================================================= */
/**
 * @defgroup scalar 20  Scalar mathematics
 * @{
 */

/** Arc-cosine kernel of order 0 in He scale, of the cosine t in [-1, 1]: (pi - acos t)/pi (Cho & Saul 2009).  Outside: NaN. */
NTK_API double ntk_kappa0(double t);

/** Arc-cosine kernel of order 1 in He scale, of the cosine t in [-1, 1]: (sqrt(1 - t²) + t (pi - acos t))/pi.  Outside: NaN. */
NTK_API double ntk_kappa1(double t);

/**
 * The NTK of the two-layer ReLU network f(x) = m^-1/2 sum_i v_i relu(u_i . x), u ~ N(0, w_std² I), v ~ N(0, v_std²)
 * (deviations w_std, v_std >= 0), for one pair of vectors x1, x2 of d numbers:
 *     Theta = v_std² (x . x') E[relu'(u.x) relu'(u.x')] + E[relu(u.x) relu(u.x')].
 * (theta: the result; docs/mathematics.md §3.1).  The mean over initialisations of the empirical NTK equals it at every width m.  Accurate for nearly equal vectors.
 * Errors: NULL, ARGUMENT (d < 1, negative or non-finite deviations), NOT_FINITE.
 */
NTK_API ntk_status ntk_relu_two_layer_ntk(ntk_context *ctx, int64_t d, const double *x1, const double *x2, double w_std, double v_std, double *theta);

/** @} */

#ifdef __cplusplus
}
#endif

#endif /* NTK_H */
