/*
 * The main job in ten lines: a network, its infinite-width kernel, the gram of the training set, predictions.
 *
 * The data are exclusive-or, which no linear function fits: y = -1 where the signs of x1 and x2 agree, +1 where they
 * differ.  The mean of infinitely many infinitely wide networks trained to the end on them is Theta* (Theta + ridge)⁻¹ y.
 */
#include "check.h"

int main(void)
{
    const char *json = "{\"format\": \"ntk-network\", \"version\": 1, \"input\": [2], \"layers\": ["
                       "{\"op\": \"dense\", \"units\": 512, \"w_std\": 1.4, \"b_std\": 0.1}, {\"op\": \"relu\"},"
                       "{\"op\": \"dense\", \"units\": 1}]}";
    double x[] = {-1, -1, -1, 1, 1, -1, 1, 1}, y[] = {-1, 1, 1, -1};
    double x_test[] = {-0.8, -0.9, -0.7, 1.1, 1.2, -0.9, 0.9, 0.6}, f[4] = {0};
    int failed = 0;
    ntk_context *ctx = NULL;
    ntk_network *net = NULL;
    ntk_kernel *kernel = NULL;
    ntk_gram *gram = NULL;
    ntk_predictor *model = NULL;

    if (ntk_context_create(NULL, &ctx) != NTK_OK) return 2;
    TRY(ntk_network_parse(ctx, json, &net));
    TRY(ntk_kernel_from_network(ctx, net, NULL, &kernel));
    TRY(ntk_gram_create(ctx, kernel, MATRIX(x, 4, 2), NULL, &gram));
    TRY(ntk_predictor_create(ctx, gram, VECTOR(y, 4), &(ntk_predictor_options){NTK_PREDICTOR_OPTIONS_INIT, .ridge = 1e-3}, &model));
    TRY(ntk_predictor_mean(ctx, model, MATRIX(x_test, 4, 2), MATRIX(f, 4, 1)));

    puts("Exclusive-or, learned at four corners, asked nearby:");
    for (int i = 0; i < 4; ++i) {
        printf("  x = (%4.1f, %4.1f)   class %+.0f   prediction %+.6f\n", x_test[2 * i], x_test[2 * i + 1], y[i], f[i]);
        failed |= f[i] * y[i] <= 0;
    }
    ntk_predictor_destroy(model);
    ntk_gram_destroy(gram);
    ntk_kernel_destroy(kernel);
    ntk_network_destroy(net);
    ntk_context_destroy(ctx);
    return failed;
}
