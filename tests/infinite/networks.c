/*
 * Random networks over all ops of the infinite reading, in sequences, with masks, graphs, branches and repeats, against the recursion with matrices in 113-bit
 * arithmetic.  What an op does to the positions of a sample is a matrix, or one per tap, written down from the text of the format.  Of 6,000 such networks three are
 * off by more than 1e-13 (up to 1.2e-9): outputs of attention, graphs and resize that nearly agree at different positions (ADR 8).
 */
#define NAIVE_QUAD
#define NAIVE_POSITIONS 16
#pragma GCC diagnostic ignored "-Wpedantic" /* __float128 and its constants */
#include "core.h"

#include "naive.h"

#include <string.h>

enum { T = 6, C = 2, N = 3, TAPS = 3, OPS = 8, NETWORKS = 120, BYTES = 8192 };

typedef struct data {
    double x[N * T * C], graph[N * T * T];
    uint8_t mask[N * T];
    int length[N];
} data;

typedef struct op op;

/* What is known of the positions while a network is drawn. */
typedef struct place {
    int n;            /* positions */
    bool gaussian, weighted, same; /* as many as the data have */
    bool masked, alike;            /* two positions may be equal: then attention and graphs keep half of their digits (ADR 8) */
} place;

/* draw: false where the op does not fit; what follows `at`, it changes.  write: without its activation. */
typedef struct kind {
    bool (*draw)(op *o, place *at);
    void (*write)(const op *o, char *json);
    void (*apply)(const op *o, const data *d, const int sample[2], naive_field *f);
} kind;

struct op {
    const kind *kind;
    const char *padding, *phi;
    int taps, stride, dilation, choice;
    double w, b;
    op *inner;
    int count;
};

static uint64_t seed = 1;

static double uniform(void)
{
    double x;
    kit_random(seed++, 1, &x);
    return (x + 1) / 2;
}

static int pick(int n)
{
    return (int)(uniform() * n) % n;
}

static void add(char *json, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void add(char *json, const char *format, ...)
{
    size_t at = strlen(json);
    va_list list;
    va_start(list, format);
    ntk_print_list(json + at, BYTES - at, format, list); /* a decimal point in every locale */
    va_end(list);
}

/* ---- activations ------------------------------------------------------------------------------------------------- */

static naive_real abs_pair(naive_real qa, naive_real qb, naive_real k, naive_real *dot)
{
    naive_real det = qa * qb - k * k, root = det > 0 ? sqrtq(det) : 0, angle = atan2q(k, root);
    *dot = 2 / M_PIq * angle;
    return 2 / M_PIq * (root + k * angle);
}

static naive_real erf_pair(naive_real qa, naive_real qb, naive_real k, naive_real *dot)
{
    naive_real size = (1 + 2 * qa) * (1 + 2 * qb);
    *dot = 4 / M_PIq / sqrtq(size - 4 * k * k);
    return 2 / M_PIq * asinq(2 * k / sqrtq(size));
}

static const struct activation {
    const char *name;
    naive_real (*pair)(naive_real qa, naive_real qb, naive_real k, naive_real *dot);
} activations[] = {{"relu", naive_relu_pair}, {"abs", abs_pair}, {"erf", erf_pair}};

static void activate(const char *name, naive_field *f)
{
    naive_field in = *f;
    const struct activation *a = activations;
    naive_real dot;
    while (strcmp(a->name, name) != 0) ++a;
    for (int m = 0; m < 3; ++m)
        for (int p = 0; p < f->n[naive_sides[m][0]]; ++p)
            for (int q = 0; q < f->n[naive_sides[m][1]]; ++q) {
                f->k[m][p][q] = a->pair(in.k[1 + naive_sides[m][0]][p][p], in.k[1 + naive_sides[m][1]][q][q], in.k[m][p][q], &dot);
                if (m == 0) f->theta[p][q] = dot * in.theta[p][q];
            }
}

static void draw_activation(op *o, place *at)
{
    if (!at->gaussian || pick(4) == 0) return;
    o->phi = activations[pick(3)].name;
    at->gaussian = false;
}

/* ---- ops with windows -------------------------------------------------------------------------------------------- */

/* Their sizes: 0 where the window does not fit. */
static int windows(const op *o, int n, naive_matrix taps[TAPS])
{
    int s = o->stride, covered = o->dilation * (o->taps - 1) + 1, out, low = 0;
    bool valid = strcmp(o->padding, "valid") == 0, circular = strcmp(o->padding, "circular") == 0;
    if (covered > n) return 0;
    out = valid ? (n - covered) / s + 1 : (n + s - 1) / s;
    if (!valid && (out - 1) * s + covered > n) low = ((out - 1) * s + covered - n) / 2;
    memset(taps, 0, TAPS * sizeof *taps);
    for (int t = 0; t < o->taps; ++t)
        for (int p = 0; p < out; ++p) {
            int i = p * s + o->dilation * t - low;
            if (circular) i = (i % n + n) % n;
            if (i >= 0 && i < n) taps[t][p][i] = 1;
        }
    return out;
}

static void draw_window(op *o, place *at, bool pool)
{
    static const char *const paddings[] = {"same", "circular", "valid"};
    o->taps = 1 + pick(3);
    o->stride = at->masked || pick(2) ? 1 : 2;
    o->dilation = pool || pick(3) ? 1 : 2;
    o->padding = paddings[pick(at->masked ? 2 : 3)];
    o->w = 0.8 + uniform();
    o->b = pick(2) ? 0.5 * uniform() : 0;
}

static bool resized(op *o, place *at, int n)
{
    if (n == 0 || n > NAIVE_MOST) return false;
    at->same &= n == at->n && o->stride == 1 && strcmp(o->padding, "valid") != 0;
    at->n = n;
    return true;
}

static bool draw_conv(op *o, place *at)
{
    naive_matrix taps[TAPS];
    draw_window(o, at, false);
    at->gaussian = at->weighted = true;
    return resized(o, at, windows(o, at->n, taps));
}

static void write_window(const op *o, const char *name, char *json)
{
    add(json, "{\"op\": \"%s\", \"units\": 4, \"kernel\": %d, \"strides\": %d, \"padding\": \"%s\", \"w_std\": %.17g, \"b_std\": %.17g", name, o->taps, o->stride, o->padding, o->w, o->b);
    add(json, o->dilation > 1 ? ", \"dilation\": %d}" : "}", o->dilation);
}

static void write_conv(const op *o, char *json)
{
    write_window(o, "conv", json);
}

static void affine(const op *o, naive_field *f)
{
    naive_affine(f, (naive_real)o->w * o->w, (naive_real)o->b * o->b);
}

static void apply_conv(const op *o, const data *d, const int sample[2], naive_field *f)
{
    naive_matrix a[TAPS], b[TAPS];
    int rows = windows(o, f->n[0], a), columns = windows(o, f->n[1], b);
    (void)d, (void)sample;
    naive_mix(f, o->taps, (naive_real)1 / o->taps, rows, a, columns, b);
    affine(o, f);
}

static bool draw_local(op *o, place *at)
{
    return !at->masked && draw_conv(o, at);
}

static void write_local(const op *o, char *json)
{
    write_window(o, "conv_local", json);
}

/* Weights of different positions are independent. */
static void apply_local(const op *o, const data *d, const int sample[2], naive_field *f)
{
    apply_conv(o, d, sample, f);
    for (int m = 0; m < 4; ++m)
        for (int p = 0; p < f->n[0]; ++p)
            for (int q = 0; q < f->n[1]; ++q)
                if (p != q) (m < 3 ? f->k[m] : f->theta)[p][q] = 0;
}

static bool draw_transpose(op *o, place *at)
{
    if (at->masked) return false;
    draw_window(o, at, false);
    o->padding = "same";
    o->dilation = 1;
    at->gaussian = at->weighted = true;
    at->alike |= o->taps < o->stride; /* positions without a tap: the bias alone */
    return resized(o, at, at->n * o->stride);
}

static void write_transpose(const op *o, char *json)
{
    write_window(o, "conv_transpose", json);
}

static void apply_transpose(const op *o, const data *d, const int sample[2], naive_field *f)
{
    static naive_matrix a[TAPS];
    int n = f->n[0], s = o->stride, k = o->taps, low = s > k - 1 ? k - 1 : (k + s - 1) / 2;
    (void)d, (void)sample;
    memset(a, 0, sizeof a);
    for (int t = 0; t < k; ++t)
        for (int p = 0; p < n * s; ++p)
            if ((p + t - low) % s == 0 && (p + t - low) / s >= 0 && (p + t - low) / s < n && p + t >= low) a[t][p][(p + t - low) / s] = 1;
    naive_mix(f, k, (naive_real)1 / k, n * s, a, n * s, a);
    affine(o, f);
}

enum { AVERAGE, INSIDE, SUM };

static bool draw_pool(op *o, place *at)
{
    naive_matrix taps[TAPS];
    draw_window(o, at, true);
    if (o->taps >= at->n) o->padding = "same"; /* around a circle, all windows would hold the same positions in another order (ADR 8) */
    o->choice = pick(3);
    return resized(o, at, windows(o, at->n, taps));
}

static void write_pool(const op *o, char *json)
{
    add(json, "{\"op\": \"%s_pool\", \"window\": %d, \"strides\": %d, \"padding\": \"%s\"%s}", o->choice == SUM ? "sum" : "avg", o->taps, o->stride, o->padding,
        o->choice == INSIDE ? ", \"normalize_edges\": true" : "");
}

/* The sum of all taps in the first, each row divided as the op says. */
static int pool_matrix(const op *o, int n, naive_matrix taps[TAPS])
{
    int rows = windows(o, n, taps);
    for (int p = 0; p < rows; ++p) {
        naive_real inside = 0;
        for (int i = 0; i < n; ++i) {
            for (int t = 1; t < o->taps; ++t) taps[0][p][i] += taps[t][p][i];
            inside += taps[0][p][i];
        }
        for (int i = 0; i < n; ++i) taps[0][p][i] /= o->choice == SUM ? 1 : o->choice == INSIDE ? inside : o->taps;
    }
    return rows;
}

static void apply_pool(const op *o, const data *d, const int sample[2], naive_field *f)
{
    naive_matrix a[TAPS], b[TAPS];
    int rows = pool_matrix(o, f->n[0], a), columns = pool_matrix(o, f->n[1], b);
    (void)d, (void)sample;
    naive_mix(f, 1, 1, rows, a, columns, b);
}

/* ---- ops on each position ---------------------------------------------------------------------------------------- */

static bool draw_dense(op *o, place *at)
{
    draw_window(o, at, true);
    at->gaussian = at->weighted = true;
    return true;
}

static void write_dense(const op *o, char *json)
{
    add(json, "{\"op\": \"dense\", \"units\": 4, \"w_std\": %.17g, \"b_std\": %.17g}", o->w, o->b);
}

static void apply_dense(const op *o, const data *d, const int sample[2], naive_field *f)
{
    (void)d, (void)sample;
    affine(o, f);
}

static bool draw_norm(op *o, place *at)
{
    (void)at;
    o->choice = pick(2);
    return true;
}

static void write_norm(const op *o, char *json)
{
    add(json, "{\"op\": \"layer_norm\", \"axes\": %s, \"epsilon\": 0.01}", o->choice ? "[0, 1]" : "[1]");
}

static void apply_norm(const op *o, const data *d, const int sample[2], naive_field *f)
{
    naive_real scale[2][NAIVE_MOST], q;
    (void)d, (void)sample;
    for (int u = 0; u < 2; ++u) {
        naive_real mean = 0;
        for (int p = 0; p < f->n[u]; ++p) mean += f->k[1 + u][p][p] / f->n[u];
        for (int p = 0; p < f->n[u]; ++p) {
            q = o->choice ? mean : f->k[1 + u][p][p];
            scale[u][p] = 1 / sqrtq((naive_real)0.01 + q);
        }
    }
    for (int m = 0; m < 4; ++m) {
        int u = m < 3 ? naive_sides[m][0] : 0, v = m < 3 ? naive_sides[m][1] : 1;
        for (int p = 0; p < f->n[u]; ++p)
            for (int r = 0; r < f->n[v]; ++r) (m < 3 ? f->k[m] : f->theta)[p][r] *= scale[u][p] * scale[v][r];
    }
}

static bool draw_dropout(op *o, place *at)
{
    o->w = 0.5 + 0.5 * uniform();
    at->gaussian = false;
    return at->weighted;
}

static void write_dropout(const op *o, char *json)
{
    add(json, "{\"op\": \"dropout\", \"keep\": %.17g}", o->w);
}

static void apply_dropout(const op *o, const data *d, const int sample[2], naive_field *f)
{
    (void)d, (void)sample;
    naive_dropout(f, o->w);
}

/* ---- ops that choose and mix positions --------------------------------------------------------------------------- */

static const struct cut {
    const char *keys;
    int start, step, least;
} cuts[] = {{"\"start\": [1]", 1, 1, 2}, {"\"step\": [2]", 0, 2, 1}, {"\"step\": [-1]", -1, -1, 1}, {"\"start\": [-2], \"step\": [-2]", -2, -2, 3}};

static int cut_matrix(const op *o, int n, naive_matrix w)
{
    const struct cut *c = &cuts[o->choice];
    int count = 0;
    memset(w, 0, sizeof(naive_matrix));
    for (int i = c->start < 0 ? n + c->start : c->start; i >= 0 && i < n; i += c->step) w[count++][i] = 1;
    return count;
}

static bool draw_slice(op *o, place *at)
{
    naive_matrix w;
    o->choice = pick(4);
    if (at->masked || at->n < cuts[o->choice].least) return false;
    at->n = cut_matrix(o, at->n, w);
    at->same = false;
    return true;
}

static void write_slice(const op *o, char *json)
{
    add(json, "{\"op\": \"slice\", %s}", cuts[o->choice].keys);
}

static void apply_slice(const op *o, const data *d, const int sample[2], naive_field *f)
{
    naive_matrix w;
    int n = cut_matrix(o, f->n[0], w);
    (void)d, (void)sample;
    naive_mix(f, 1, 1, n, &w, n, &w);
}

static bool draw_resize(op *o, place *at)
{
    o->choice = pick(2);
    o->taps = 2 + pick(8);
    if (at->masked) return false;
    at->n = o->taps;
    at->same = false;
    at->alike = true;
    return true;
}

static void write_resize(const op *o, char *json)
{
    add(json, "{\"op\": \"resize\", \"shape\": [%d], \"method\": \"%s\"}", o->taps, o->choice ? "nearest" : "linear");
}

static void apply_resize(const op *o, const data *d, const int sample[2], naive_field *f)
{
    naive_matrix w = {{0}};
    int n = f->n[0];
    naive_real ratio = (naive_real)n / o->taps, wide = ratio > 1 ? ratio : 1;
    (void)d, (void)sample;
    for (int p = 0; p < o->taps; ++p) {
        naive_real sum = 0;
        for (int i = 0; i < n; ++i) {
            naive_real distance = fabsq(i + (naive_real)0.5 - (p + (naive_real)0.5) * ratio) / wide;
            w[p][i] = o->choice ? i == (2 * p + 1) * n / (2 * o->taps) : distance < 1 ? 1 - distance : 0;
            sum += w[p][i];
        }
        for (int i = 0; i < n; ++i) w[p][i] /= sum;
    }
    naive_mix(f, 1, 1, o->taps, &w, o->taps, &w);
}

static const struct mechanism {
    const char *keys;
    naive_attention layer;
} mechanisms[] = {
    {"\"mechanism\": \"softmax\"", {"softmax", true, false, 1, 0, 1, 1, (naive_real)0.2 * 0.2, 1, 0, 2}},
    {"\"mechanism\": \"relu\"", {"relu", true, false, 1, 0, 1, 1, (naive_real)0.2 * 0.2, 1, 0, 2}},
    {"\"pos_emb\": \"sum\", \"pos_emb_decay\": \"exponential\", \"val_pos_emb\": true", {"softmax", true, true, 1, 1, 1, 1, (naive_real)0.2 * 0.2, 1, NAIVE_EXPONENTIAL, 2}},
    {"\"linear_scaling\": false, \"mechanism\": \"identity\"", {"identity", false, false, 1, 0, 1, 1, (naive_real)0.2 * 0.2, 1, 0, 2}},
};

/* Behind layer_norm: else scores of 100 and more choose one position, and the next layer meets near-equal outputs. */
static bool draw_attention(op *o, place *at)
{
    o->choice = pick(4);
    at->gaussian = o->choice < 3;
    at->weighted = true;
    if (at->alike) return false;
    at->alike = true;
    return true;
}

static void write_attention(const op *o, char *json)
{
    add(json, "{\"op\": \"layer_norm\", \"axes\": [1], \"epsilon\": 0.01}, {\"op\": \"attention\", \"heads\": 1, \"dim_key\": 1, \"dim_value\": 1, \"units\": 4, \"b_std\": 0.2, %s}", mechanisms[o->choice].keys);
}

static void apply_attention(const op *o, const data *d, const int sample[2], naive_field *f)
{
    const naive_attention *l = &mechanisms[o->choice].layer;
    apply_norm(&(op){.choice = 0}, d, sample, f);
    (l->linear ? naive_attend_linear : naive_attend_product)(f, l);
}

static bool draw_aggregate(op *o, place *at)
{
    (void)o;
    if (!at->same || at->alike) return false;
    return true;
}

static void write_aggregate(const op *o, char *json)
{
    (void)o;
    add(json, "{\"op\": \"aggregate\"}");
}

static void apply_aggregate(const op *o, const data *d, const int sample[2], naive_field *f)
{
    naive_matrix w[2] = {{{0}}};
    (void)o;
    for (int u = 0; u < 2; ++u)
        for (int p = 0; p < f->n[u]; ++p)
            for (int i = 0; i < f->n[u]; ++i) w[u][p][i] = d->graph[(sample[u] * T + i) * T + p];
    naive_mix(f, 1, 1, f->n[0], &w[0], f->n[1], &w[1]);
}

/* ---- ops made of ops --------------------------------------------------------------------------------------------- */

static const kind conv = {draw_conv, write_conv, apply_conv};

static void write_ops(const op *ops, int count, char *json)
{
    for (int i = 0; i < count; ++i) {
        if (i > 0) add(json, ", ");
        ops[i].kind->write(&ops[i], json);
        if (ops[i].phi) add(json, ", {\"op\": \"%s\"}", ops[i].phi);
    }
}

static void apply_ops(const op *ops, int count, const data *d, const int sample[2], naive_field *f)
{
    for (int i = 0; i < count; ++i) {
        ops[i].kind->apply(&ops[i], d, sample, f);
        if (ops[i].phi) activate(ops[i].phi, f);
    }
}

/* Convolutions that keep the size. */
static void draw_inner(op *o, place *at, int count)
{
    place p = *at;
    o->inner = calloc((size_t)count, sizeof *o->inner);
    o->count = count;
    for (int i = 0; i < count; ++i) {
        draw_window(&o->inner[i], at, true);
        o->inner[i].kind = &conv;
        o->inner[i].stride = 1;
        o->inner[i].padding = i % 2 ? "same" : "circular";
        if (o->inner[i].taps > at->n) o->inner[i].taps = 1;
        p.gaussian = true;
        draw_activation(&o->inner[i], &p);
    }
}

static bool draw_branch(op *o, place *at)
{
    if (at->masked && at->n < 3) return false;
    draw_inner(o, at, 2);
    o->inner[1].phi = NULL;
    o->choice = pick(2); /* beside it, what came in; or a dense layer of it */
    at->gaussian &= o->choice == 0;
    at->gaussian |= o->choice == 1;
    draw_window(o, at, true);
    return at->weighted;
}

static void write_branch(const op *o, char *json)
{
    add(json, "{\"op\": \"branch\", \"merge\": \"sum\", \"branches\": [[");
    if (o->choice) write_dense(o, json);
    add(json, "], [");
    write_ops(o->inner, o->count, json);
    add(json, "]]}");
}

static void apply_branch(const op *o, const data *d, const int sample[2], naive_field *f)
{
    naive_field *other = malloc(sizeof *other);
    *other = *f;
    apply_ops(o->inner, o->count, d, sample, other);
    if (o->choice) affine(o, f);
    for (int m = 0; m < 4; ++m)
        for (int p = 0; p < NAIVE_MOST; ++p)
            for (int q = 0; q < NAIVE_MOST; ++q) (m < 3 ? f->k[m] : f->theta)[p][q] += (m < 3 ? other->k[m] : other->theta)[p][q];
    free(other);
}

static bool draw_repeat(op *o, place *at)
{
    draw_inner(o, at, 1);
    o->choice = 2 + pick(2);
    at->gaussian = !o->inner[0].phi;
    at->weighted = true;
    return true;
}

static void write_repeat(const op *o, char *json)
{
    add(json, "{\"op\": \"repeat\", \"times\": %d, \"layers\": [", o->choice);
    write_ops(o->inner, o->count, json);
    add(json, "]}");
}

static void apply_repeat(const op *o, const data *d, const int sample[2], naive_field *f)
{
    for (int i = 0; i < o->choice; ++i) apply_ops(o->inner, o->count, d, sample, f);
}

/* ---- a network --------------------------------------------------------------------------------------------------- */

static const kind kinds[] = {{draw_conv, write_conv, apply_conv},          {draw_local, write_local, apply_local},       {draw_transpose, write_transpose, apply_transpose},
                             {draw_pool, write_pool, apply_pool},          {draw_dense, write_dense, apply_dense},       {draw_norm, write_norm, apply_norm},
                             {draw_dropout, write_dropout, apply_dropout}, {draw_slice, write_slice, apply_slice},       {draw_resize, write_resize, apply_resize},
                             {draw_attention, write_attention, apply_attention}, {draw_aggregate, write_aggregate, apply_aggregate}, {draw_branch, write_branch, apply_branch},
                             {draw_repeat, write_repeat, apply_repeat}};
enum { KINDS = sizeof kinds / sizeof *kinds };

typedef struct network {
    op ops[OPS];
    int count, end; /* 0 flatten, 1 global_avg_pool, 2 global_sum_pool */
    bool masked, graph;
} network;

static void draw(network *n, int seen[KINDS])
{
    place at = {.same = true};
    *n = (network){.count = 0};
    n->masked = at.masked = pick(3) == 0;
    at.n = at.masked ? T - N + 1 : T; /* of the smallest */
    for (int tries = 0; tries < 2 * OPS && n->count < 3 + (int)(seed % 4); ++tries) {
        op o = {.kind = &kinds[pick(KINDS)]};
        place was = at;
        if (o.kind->draw(&o, &at)) {
            draw_activation(&o, &at);
            seen[o.kind - kinds]++;
            n->graph |= o.kind->apply == apply_aggregate;
            n->ops[n->count++] = o;
        } else {
            free(o.inner);
            at = was;
        }
    }
    n->end = n->masked ? 1 + pick(2) : pick(3);
}

static void finish(network *n)
{
    for (int i = 0; i < n->count; ++i) free(n->ops[i].inner);
}

static naive_kernels naive(const network *n, const data *d, int i, int j)
{
    static naive_field f;
    int sample[2] = {i, j};
    naive_real k = 0, theta = 0;
    naive_input(d->length[i], d->x + i * T * C, d->length[j], d->x + j * T * C, C, i == j, &f);
    apply_ops(n->ops, n->count, d, sample, &f);
    for (int p = 0; p < f.n[0]; ++p)
        for (int q = 0; q < f.n[1]; ++q) {
            naive_real share = n->end == 2 ? 1 : n->end == 1 ? (naive_real)1 / (f.n[0] * f.n[1]) : p == q ? (naive_real)1 / f.n[0] : 0;
            k += share * f.k[0][p][q];
            theta += share * f.theta[p][q];
        }
    return (naive_kernels){(double)((naive_real)1.2 * 1.2 * k + (naive_real)0.1 * 0.1), (double)((naive_real)1.2 * 1.2 * (theta + k) + (naive_real)0.1 * 0.1)};
}

static void evaluate(ntk_context *ctx, const char *json, const network *n, data *d, double *nngp, double *ntk)
{
    ntk_network *net = kit_network(ctx, json);
    ntk_kernel *kernel = NULL;
    ntk_array x = ntk_array_dense(d->x, NTK_F64, 3, (int64_t[]){N, T, C}), mask = ntk_array_dense(d->mask, NTK_U8, 2, (int64_t[]){N, T});
    ntk_array graph = ntk_array_dense(d->graph, NTK_F64, 3, (int64_t[]){N, T, T}), k = ntk_matrix_f64(nngp, N, N), theta = ntk_matrix_f64(ntk, N, N);
    ntk_structure s = {NTK_STRUCTURE_INIT, .mask = n->masked ? &mask : NULL, .graph = n->graph ? &graph : NULL};
    kit_ok(ctx, ntk_kernel_from_network(ctx, net, NULL, &kernel));
    kit_ok(ctx, ntk_kernel_eval(ctx, kernel, &x, NULL, &(ntk_request){NTK_REQUEST_INIT, .nngp = &k, .ntk = &theta, .structure1 = n->masked || n->graph ? &s : NULL}));
    ntk_kernel_destroy(kernel);
    ntk_network_destroy(net);
}

static void write_network(const network *n, char *json)
{
    static const char *const ends[] = {"flatten", "global_avg_pool", "global_sum_pool"};
    json[0] = 0;
    add(json, "{\"format\": \"ntk-network\", \"version\": 1, \"input\": [%d, %d], \"layers\": [", T, C);
    write_ops(n->ops, n->count, json);
    add(json, "%s{\"op\": \"%s\"}, {\"op\": \"dense\", \"units\": 1, \"w_std\": 1.2, \"b_std\": 0.1}]}", n->count ? ", " : "", ends[n->end]);
}

static void fill(const network *n, data *d)
{
    kit_random(seed++, N * T * C, d->x);
    kit_random(seed++, N * T * T, d->graph);
    for (int i = 0; i < N * T; ++i) {
        d->length[i / T] = n->masked ? T - i / T : T;
        d->mask[i] = i % T < d->length[i / T];
    }
}

static void check(ntk_context *ctx, const network *n)
{
    static data d;
    char json[BYTES];
    double nngp[N * N], ntk[N * N];
    naive_kernels want[N * N];
    write_network(n, json);
    fill(n, &d);
    evaluate(ctx, json, n, &d, nngp, ntk);
    for (int i = 0; i < N * N; ++i) want[i] = naive(n, &d, i / N, i % N);
    for (int i = 0; i < N * N; ++i) {
        const naive_kernels *a = &want[i / N * (N + 1)], *b = &want[i % N * (N + 1)];
        double k = fabs(nngp[i] - want[i].nngp) / sqrt(a->nngp * b->nngp), theta = fabs(ntk[i] - want[i].ntk) / sqrt(a->ntk * b->ntk);
        if (!(k <= 1e-13 && theta <= 1e-13)) fail_msg("entry %d: nngp off by %.2e, ntk by %.2e\n%s", i, k, theta, json);
    }
}

static void random_networks(void **state)
{
    int seen[KINDS] = {0};
    for (int i = 0; i < NETWORKS; ++i) {
        network n;
        draw(&n, seen);
        check(*state, &n);
        finish(&n);
    }
    for (int k = 0; k < KINDS; ++k) assert_true(seen[k] >= 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {kit_test(random_networks)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
