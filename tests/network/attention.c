/* attention: the keys that it takes, the shape that it makes, and a sentence with the layer's path for everything else. */
#include "kit.h"
#include "network.h"

#include <stdio.h>

#define NEEDED "\"heads\": 2, \"dim_key\": 3, \"dim_value\": 4, \"units\": 5"

static ntk_status parse(ntk_context *ctx, const char *input, const char *keys, ntk_network **net)
{
    char json[1024];
    snprintf(json, sizeof json, "{\"format\": \"ntk-network\", \"version\": 1, \"input\": [%s], \"layers\": [{\"op\": \"identity\"}, {\"op\": \"attention\"%s}]}", input, keys);
    return ntk_network_parse(ctx, json, net);
}

/* Parameters: key [2, 3, c], value [2, 4, c_v], out [5, 2, 4], then query, positional, bias as the format says; 6 positions, 3 channels. */
static void accepted(void **state)
{
    static const struct {
        const char *keys;
        int64_t parameters;
        ntk_mechanism mechanism;
    } cases[] = {
        {", " NEEDED, 18 + 24 + 40, NTK_MECHANISM_SOFTMAX},
        {", " NEEDED ", \"mechanism\": \"softmax\"", 18 + 24 + 40, NTK_MECHANISM_SOFTMAX},
        {", " NEEDED ", \"mechanism\": \"identity\", \"linear_scaling\": false", 18 + 18 + 24 + 40, NTK_MECHANISM_IDENTITY},
        {", " NEEDED ", \"mechanism\": \"abs\", \"b_std\": 0", 18 + 24 + 40 + 5, NTK_MECHANISM_ABS},
        {", " NEEDED ", \"mechanism\": \"relu\", \"pos_emb\": \"sum\", \"pos_emb_decay\": \"one_hot\", \"pos_emb_std\": 0.5", 18 + 24 + 40 + 18, NTK_MECHANISM_RELU},
        {", " NEEDED ", \"pos_emb\": \"concat\", \"pos_emb_decay\": \"rational\", \"pos_emb_p_norm\": 1", 36 + 24 + 40 + 18, NTK_MECHANISM_SOFTMAX},
        {", " NEEDED ", \"pos_emb\": \"concat\", \"pos_emb_decay\": \"exponential\", \"val_pos_emb\": true", 36 + 48 + 40 + 18, NTK_MECHANISM_SOFTMAX},
        {", " NEEDED ", \"q_std\": 1.5, \"k_std\": 0.5, \"v_std\": 2, \"o_std\": 3, \"train\": false, \"lr\": 0.5", 18 + 24 + 40, NTK_MECHANISM_SOFTMAX},
    };
    for (size_t i = 0; i < NTK_ARRAY_LENGTH(cases); ++i) {
        ntk_network *net = NULL;
        kit_ok(*state, parse(*state, "2, 3, 3", cases[i].keys, &net));
        if (ntk_network_parameters(net) != cases[i].parameters) fail_msg("%s: %lld parameters", cases[i].keys, (long long)ntk_network_parameters(net));
        assert_int_equal(ntk_step_attention(net, &net->steps[net->n_steps - 1]).mechanism, cases[i].mechanism);
        assert_int_equal(net->values[net->result].ndim, 3);
        assert_int_equal(net->values[net->result].shape[1], 3);
        assert_int_equal(net->values[net->result].shape[2], 5);
        ntk_network_destroy(net);
    }
}

static void refused(void **state)
{
    static const struct {
        const char *input, *keys, *sentence;
    } cases[] = {
        {"6, 3", "", "layers[1]: attention needs the key \"units\""},
        {"6, 3", ", \"dim_key\": 3, \"dim_value\": 4, \"units\": 5", "heads"},
        {"6, 3", ", \"heads\": 2, \"dim_value\": 4, \"units\": 5", "dim_key"},
        {"6, 3", ", \"heads\": 2, \"dim_key\": 3, \"units\": 5", "dim_value"},
        {"6, 3", ", \"heads\": 0, \"dim_key\": 3, \"dim_value\": 4, \"units\": 5", "layers[1]: heads"},
        {"6, 3", ", \"heads\": 2, \"dim_key\": -1, \"dim_value\": 4, \"units\": 5", "layers[1]: dim_key"},
        {"6, 3", ", \"heads\": 2, \"dim_key\": 3, \"dim_value\": 1.5, \"units\": 5", "layers[1]: dim_value"},
        {"6, 3", ", " NEEDED ", \"mechanism\": \"sofmax\"", "layers[1]: "},
        {"6, 3", ", " NEEDED ", \"mechanism\": 1", "layers[1]: mechanism"},
        {"6, 3", ", " NEEDED ", \"pos_emb\": \"learned\"", "layers[1]: "},
        {"6, 3", ", " NEEDED ", \"pos_emb_decay\": \"linear\"", "layers[1]: "},
        {"6, 3", ", " NEEDED ", \"pos_emb_p_norm\": 0", "layers[1]: pos_emb_p_norm is 0; expected a positive number"},
        {"6, 3", ", " NEEDED ", \"val_pos_emb\": 1", "layers[1]: val_pos_emb"},
        {"6, 3", ", " NEEDED ", \"linear_scaling\": \"yes\"", "layers[1]: linear_scaling"},
        {"6, 3", ", " NEEDED ", \"b_std\": -1", "layers[1]: b_std"},
        {"6, 3", ", " NEEDED ", \"w_std\": 1", "layers[1]: "},
        {"6, 3", ", " NEEDED ", \"parameterization\": \"standard\"", "layers[1]: "},
        {"6", ", " NEEDED, "layers[1]: attention needs spatial axes; its input is [6]"},
    };
    for (size_t i = 0; i < NTK_ARRAY_LENGTH(cases); ++i) {
        ntk_network *net = NULL;
        kit_fails(*state, parse(*state, cases[i].input, cases[i].keys, &net), NTK_ERROR_NETWORK, cases[i].sentence);
        assert_null(net);
    }
}

/* Each block of the parameters, by its own size, by its channels, and by what stands before it; 2^53 is the largest number of the format. */
static void too_large(void **state)
{
    static const struct {
        const char *input, *keys;
    } cases[] = {
        {"6, 3", ", \"heads\": 9007199254740991, \"dim_key\": 2048, \"dim_value\": 1, \"units\": 1"},
        {"6, 3", ", \"heads\": 9007199254740991, \"dim_key\": 512, \"dim_value\": 1, \"units\": 1"},
        {"6, 3", ", \"heads\": 9007199254740991, \"dim_key\": 2048, \"dim_value\": 1, \"units\": 1, \"linear_scaling\": false"},
        {"6, 3", ", \"heads\": 9007199254740991, \"dim_key\": 256, \"dim_value\": 1, \"units\": 1, \"linear_scaling\": false"},
        {"6, 3", ", \"heads\": 9007199254740991, \"dim_key\": 1, \"dim_value\": 2048, \"units\": 1"},
        {"6, 3", ", \"heads\": 1048576, \"dim_key\": 1, \"dim_value\": 1048576, \"units\": 9007199254740991"},
        {"9007199254740991, 1000", ", \"heads\": 1, \"dim_key\": 1000000000000000, \"dim_value\": 1, \"units\": 1, \"pos_emb\": \"sum\""},
        {"6, 3", ", \"heads\": 1, \"dim_key\": 1, \"dim_value\": 1023, \"units\": 9007199254740991, \"b_std\": 1"},
        {"1, 9007199254740991", ", \"heads\": 1023, \"dim_key\": 1, \"dim_value\": 1, \"units\": 1, \"pos_emb\": \"concat\""},
    };
    for (size_t i = 0; i < NTK_ARRAY_LENGTH(cases); ++i) {
        ntk_network *net = NULL;
        kit_fails(*state, parse(*state, cases[i].input, cases[i].keys, &net), NTK_ERROR_OVERFLOW, "layers[1]: the number of parameters exceeds 63 bits");
        assert_null(net);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {kit_test(accepted), kit_test(refused), kit_test(too_large)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
