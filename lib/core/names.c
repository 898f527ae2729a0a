/* Names of the enums: one table each, one pair of functions each. */
#include "core.h"

#include <string.h>

typedef struct name_row {
    int value;
    const char *name;
} name_row;

static const char *find_name(const name_row *rows, size_t count, int value)
{
    for (size_t i = 0; i < count; ++i)
        if (rows[i].value == value) return rows[i].name;
    return NULL;
}

static const name_row *find_row(const name_row *rows, size_t count, const char *name)
{
    for (size_t i = 0; name && i < count; ++i)
        if (strcmp(rows[i].name, name) == 0) return &rows[i];
    return NULL;
}

#define STATUS_ROW(name, number, sentence) {number, #name},
#define STATUS_SENTENCE(name, number, sentence) {number, sentence},
static const name_row status_rows[] = {NTK_STATUS_LIST(STATUS_ROW)};
static const name_row status_sentences[] = {NTK_STATUS_LIST(STATUS_SENTENCE)};
static const name_row dtype_rows[] = {{NTK_F64, "f64"}, {NTK_F32, "f32"}, {NTK_I64, "i64"}, {NTK_U8, "u8"}};
static const name_row kind_rows[] = {{NTK_KIND_NTK, "ntk"}, {NTK_KIND_NNGP, "nngp"}};
static const name_row outputs_rows[] = {{NTK_OUTPUTS_FULL, "full"}, {NTK_OUTPUTS_TRACE, "trace"}, {NTK_OUTPUTS_DIAGONAL, "diagonal"}};
static const name_row algorithm_rows[] = {
    {NTK_ALGORITHM_AUTO, "auto"}, {NTK_ALGORITHM_STRUCTURED, "structured"}, {NTK_ALGORITHM_CONTRACTION, "contraction"},
    {NTK_ALGORITHM_PRODUCTS, "products"}, {NTK_ALGORITHM_MIXED, "mixed"}};
static const name_row dropout_rows[] = {{NTK_DROPOUT_TRAINING, "training"}, {NTK_DROPOUT_INFERENCE, "inference"}};
static const name_row storage_rows[] = {{NTK_STORAGE_AUTO, "auto"}, {NTK_STORAGE_FULL, "full"}, {NTK_STORAGE_PACKED, "packed"}, {NTK_STORAGE_NONE, "none"}};
static const name_row posterior_rows[] = {{NTK_POSTERIOR_NTK, "ntk"}, {NTK_POSTERIOR_NNGP, "nngp"}, {NTK_POSTERIOR_NTKGP, "ntkgp"}};
static const name_row decomposition_rows[] = {{NTK_DECOMPOSITION_CHOLESKY, "cholesky"}, {NTK_DECOMPOSITION_EIGEN, "eigen"}, {NTK_DECOMPOSITION_CG, "cg"}};
static const name_row loss_scale_rows[] = {{NTK_LOSS_SCALE_SUM, "sum"}, {NTK_LOSS_SCALE_MEAN, "mean"}};
static const name_row loss_rows[] = {
    {NTK_LOSS_SQUARED_ERROR, "mse"}, {NTK_LOSS_CROSS_ENTROPY, "cross-entropy"}, {NTK_LOSS_LOGISTIC, "logistic"}, {NTK_LOSS_HUBER, "huber"}};
static const name_row descent_rows[] = {{NTK_DESCENT_GD, "gd"}, {NTK_DESCENT_MOMENTUM, "momentum"}, {NTK_DESCENT_ADAM, "adam"}};
static const name_row space_rows[] = {{NTK_SPACE_AUTO, "auto"}, {NTK_SPACE_FUNCTION, "function"}, {NTK_SPACE_PARAMETERS, "parameters"}};
static const name_row gramian_rows[] = {{NTK_GRAMIAN_OBSERVABILITY, "observability"}, {NTK_GRAMIAN_CONTROLLABILITY, "controllability"}};
static const name_row objective_rows[] = {{NTK_OBJECTIVE_EVIDENCE, "evidence"}, {NTK_OBJECTIVE_LOO, "loo"}, {NTK_OBJECTIVE_LOO_ERROR, "loo_error"}};
static const name_row measure_rows[] = {
    {NTK_MEASURE_CONDITION, "condition"},
    {NTK_MEASURE_RANK, "rank"},
    {NTK_MEASURE_UNREACHABLE, "unreachable"},
    {NTK_MEASURE_EFFECTIVE_DIMENSION, "effective_dimension"},
    {NTK_MEASURE_ALIGNMENT, "alignment"},
    {NTK_MEASURE_LOG_EVIDENCE, "log_evidence"},
    {NTK_MEASURE_LOO_ERROR, "loo_error"},
    {NTK_MEASURE_LOO_LOG_SCORE, "loo_log_score"},
    {NTK_MEASURE_LOO_ACCURACY, "loo_accuracy"},
    {NTK_MEASURE_PREDICTED_ERROR, "predicted_error"},
    {NTK_MEASURE_TIME_TO_LOSS, "time_to_loss"},
    {NTK_MEASURE_LARGEST_STEP, "largest_step"},
};

#define NAME_PAIR(E)                                                                       \
    const char *ntk_##E##_name(ntk_##E value)                                              \
    {                                                                                      \
        return find_name(E##_rows, NTK_ARRAY_LENGTH(E##_rows), (int)value);                \
    }                                                                                      \
    int ntk_##E##_from_name(const char *name, ntk_##E *value)                              \
    {                                                                                      \
        const name_row *row = find_row(E##_rows, NTK_ARRAY_LENGTH(E##_rows), name);        \
        if (row && value) *value = (ntk_##E)row->value;                                    \
        return row && value;                                                               \
    }

NAME_PAIR(status)
NAME_PAIR(dtype)
NAME_PAIR(kind)
NAME_PAIR(outputs)
NAME_PAIR(algorithm)
NAME_PAIR(dropout)
NAME_PAIR(storage)
NAME_PAIR(posterior)
NAME_PAIR(decomposition)
NAME_PAIR(loss_scale)
NAME_PAIR(loss)
NAME_PAIR(descent)
NAME_PAIR(space)
NAME_PAIR(gramian)
NAME_PAIR(objective)
NAME_PAIR(measure)

const char *ntk_status_message(ntk_status status)
{
    const char *sentence = find_name(status_sentences, NTK_ARRAY_LENGTH(status_sentences), (int)status);
    return sentence ? sentence : "unknown status";
}
