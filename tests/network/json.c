/* What the reader refuses, with which sentence, and hostile texts. */
#include "kit.h"
#include "network.h"

#include <locale.h>
#include <stdlib.h>
#include <string.h>

#define BEGIN "{\"format\": \"ntk-network\", \"version\": 1, \"input\": [3], \"layers\": "
#define LAYERS(text) BEGIN "[" text "]}"
#define INPUT(text) "{\"format\": \"ntk-network\", \"version\": 1, \"layers\": [], \"input\": " text "}"

typedef struct refusal {
    const char *json;
    ntk_status status;
    const char *sentence;
} refusal;

static void check_refusals(ntk_context *ctx, size_t count, const refusal *cases)
{
    for (size_t i = 0; i < count; ++i) {
        ntk_network *net = (void *)1;
        kit_fails(ctx, ntk_network_parse(ctx, cases[i].json, &net), cases[i].status, cases[i].sentence);
        assert_null(net);
    }
}

static void test_syntax(void **state)
{
    static const refusal cases[] = {
        {"", NTK_ERROR_SYNTAX, "line 1, column 0"},
        {"{\"format\": \"ntk-network\",\n  \"version\": }", NTK_ERROR_SYNTAX, "line 2, column 14"},
        {"3", NTK_ERROR_SYNTAX, "line 1"},
        {"{\"a\": 1, \"a\": 2}", NTK_ERROR_SYNTAX, "duplicate"},
        {LAYERS("{\"op\": \"dense\", \"units\": 3, \"units\": 4}"), NTK_ERROR_SYNTAX, "duplicate"},
        {LAYERS("") " x", NTK_ERROR_SYNTAX, "line 1"},
        {"{\"a\": \"\xff\"}", NTK_ERROR_SYNTAX, "unable to decode byte 0xff"},
        {"{\"a\": \"\\u0000\"}", NTK_ERROR_SYNTAX, "\\u0000"},
        {"{\"a\": NaN}", NTK_ERROR_SYNTAX, "NaN"},
        {"{\"a\": 1,5}", NTK_ERROR_SYNTAX, "line 1"},
        {LAYERS("{\"op\": \"dense\", \"units\": 3, \"w_std\": 1e999}"), NTK_ERROR_OVERFLOW, "real number overflow"},
        {LAYERS("{\"op\": \"dense\", \"units\": 99999999999999999999}"), NTK_ERROR_OVERFLOW, "too big integer"},
    };
    check_refusals(*state, NTK_ARRAY_LENGTH(cases), cases);
}

static void test_head(void **state)
{
    static const refusal cases[] = {
        {"[]", NTK_ERROR_NETWORK, "the network is a list; expected an object"},
        {"{}", NTK_ERROR_NETWORK, "the network needs the key \"format\""},
        {"{\"format\": \"ntk-network\"}", NTK_ERROR_NETWORK, "the network needs the key \"version\""},
        {"{\"format\": \"ntk-network\", \"version\": 1, \"input\": [3]}", NTK_ERROR_NETWORK, "the network needs the key \"layers\""},
        {"{\"format\": \"ntk-network\", \"version\": 1, \"layers\": []}", NTK_ERROR_NETWORK, "the network needs the key \"input\""},
        {"{\"format\": \"onnx\", \"version\": 1, \"input\": [3], \"layers\": []}", NTK_ERROR_NETWORK, "format is \"onnx\"; expected \"ntk-network\""},
        {"{\"format\": \"ntk-network\", \"version\": 2, \"input\": [3], \"layers\": []}", NTK_ERROR_NETWORK, "version is 2; expected 1"},
        {"{\"format\": \"ntk-network\", \"version\": 1.0, \"input\": [3], \"layers\": []}", NTK_ERROR_NETWORK, "version is 1.0; expected 1"},
        {"{\"format\": \"ntk-network\", \"version\": 1, \"input\": [3], \"layers\": [], \"layer\": []}", NTK_ERROR_NETWORK,
         "the network has no key \"layer\" (did you mean \"layers\"?); expected one of format, version, input, layers, parameterization"},
        {"{\"format\": \"ntk-network\", \"version\": 1, \"input\": [3], \"layers\": [], \"parameterization\": \"ntp\"}", NTK_ERROR_NETWORK,
         "parameterization is \"ntp\"; expected \"ntk\" or \"standard\" or \"textbook\""},
        {INPUT("3"), NTK_ERROR_NETWORK, "input is 3; expected a list of integers"},
        {INPUT("[]"), NTK_ERROR_NETWORK, "input has 0 axes; expected 1 to 5"},
        {INPUT("[1,2,3,4,5,6]"), NTK_ERROR_NETWORK, "input has 6 axes; expected 1 to 5"},
        {INPUT("[1,2,3,4,5,6,7,8,9]"), NTK_ERROR_NETWORK, "input has 9 axes; expected 1 to 5"},
        {INPUT("[3, 0]"), NTK_ERROR_NETWORK, "input[1] is 0; expected an integer"},
        {INPUT("[-3]"), NTK_ERROR_NETWORK, "input[0] is -3"},
        {INPUT("[3.0]"), NTK_ERROR_NETWORK, "input[0] is 3.0"},
        {INPUT("[null]"), NTK_ERROR_NETWORK, "input[0] is null"},
        {INPUT("[9007199254740992]"), NTK_ERROR_NETWORK, "input[0] is 9.007"},
        {BEGIN "{}}", NTK_ERROR_NETWORK, "layers: the value is an object; expected a list of layers"},
    };
    check_refusals(*state, NTK_ARRAY_LENGTH(cases), cases);
}

static void test_layers(void **state)
{
    static const refusal cases[] = {
        {LAYERS("3"), NTK_ERROR_NETWORK, "layers[0]: the layer is 3; expected an object"},
        {LAYERS("{\"op\": \"relu\"}, []"), NTK_ERROR_NETWORK, "layers[1]: the layer is a list"},
        {LAYERS("{}"), NTK_ERROR_NETWORK, "layers[0]: the layer needs the key \"op\""},
        {LAYERS("{\"op\": 3}"), NTK_ERROR_NETWORK, "layers[0]: op is 3; expected the name of a layer"},
        {LAYERS("{\"op\": \"activation\"}"), NTK_ERROR_NETWORK, "layers[0]: unknown op \"activation\"; expected one of dense"},
        {LAYERS("{\"op\": \"reluu\"}"), NTK_ERROR_NETWORK, "layers[0]: unknown op \"reluu\" (did you mean \"relu\"?); expected one of dense, identity"},
        {LAYERS("{\"op\": \"dense\"}"), NTK_ERROR_NETWORK, "layers[0]: dense needs the key \"units\""},
        {LAYERS("{\"op\": \"dense\", \"units\": 64.0}"), NTK_ERROR_NETWORK, "layers[0]: units is 64.0; expected an integer"},
        {LAYERS("{\"op\": \"dense\", \"units\": true}"), NTK_ERROR_NETWORK, "layers[0]: units is true"},
        {LAYERS("{\"op\": \"dense\", \"units\": 9007199254740993}"), NTK_ERROR_NETWORK, "layers[0]: units is 9.007"},
        {LAYERS("{\"op\": \"dense\", \"units\": 3, \"w_std\": -1}"), NTK_ERROR_NETWORK, "layers[0]: w_std is -1; expected a finite number >= 0"},
        {LAYERS("{\"op\": \"dense\", \"units\": 3, \"b_std\": null}"), NTK_ERROR_NETWORK, "layers[0]: b_std is null"},
        {LAYERS("{\"op\": \"dense\", \"units\": 3, \"lr\": -0.5}"), NTK_ERROR_NETWORK, "layers[0]: lr is -0.5"},
        {LAYERS("{\"op\": \"dense\", \"units\": 3, \"train\": 1}"), NTK_ERROR_NETWORK, "layers[0]: train is 1; expected true or false"},
        {LAYERS("{\"op\": \"dense\", \"units\": 3, \"parameterization\": 0}"), NTK_ERROR_NETWORK, "layers[0]: parameterization is 0; expected \"ntk\""},
        {LAYERS("{\"op\": \"dense\", \"units\": 3, \"kernel\": [3]}"), NTK_ERROR_NETWORK, "layers[0]: dense has no key \"kernel\""},
        {LAYERS("{\"op\": \"relu\", \"layers\": []}"), NTK_ERROR_NETWORK, "layers[0]: relu has no key \"layers\""},
        {LAYERS("{\"op\": \"leaky_relu\"}"), NTK_ERROR_NETWORK, "layers[0]: leaky_relu needs the key \"alpha\""},
        {LAYERS("{\"op\": \"branch\", \"branches\": [[]]}"), NTK_ERROR_NETWORK, "layers[0]: branch needs the key \"merge\""},
        {LAYERS("{\"op\": \"branch\", \"merge\": \"sum\"}"), NTK_ERROR_NETWORK, "layers[0]: branch needs the key \"branches\""},
        {LAYERS("{\"op\": \"branch\", \"merge\": \"mean\", \"branches\": [[]]}"), NTK_ERROR_NETWORK,
         "layers[0]: merge is \"mean\"; expected \"sum\" or \"product\" or \"concat\""},
        {LAYERS("{\"op\": \"branch\", \"merge\": \"sum\", \"axis\": 0, \"branches\": [[], []]}"), NTK_ERROR_NETWORK, "layers[0]: axis belongs to the merge \"concat\""},
        {LAYERS("{\"op\": \"branch\", \"merge\": \"concat\", \"axis\": 1, \"branches\": [[], []]}"), NTK_ERROR_NETWORK, "layers[0]: axis is 1; the branches have 1 axes"},
        {LAYERS("{\"op\": \"layer_norm\", \"axes\": [0, 0]}"), NTK_ERROR_NETWORK, "layers[0]: axes must hold the channel axis -1, each axis once"},
        {LAYERS("{\"op\": \"layer_norm\", \"axes\": [0.5]}"), NTK_ERROR_NETWORK, "layers[0]: axes is a list with reals; expected a list of integers"},
        {LAYERS("{\"op\": \"polynomial\", \"coef\": []}"), NTK_ERROR_NETWORK, "layers[0]: coef is an empty list"},
        {LAYERS("{\"op\": \"polynomial\", \"coef\": [1, \"x\"]}"), NTK_ERROR_NETWORK, "layers[0]: coef is a list; expected a list of finite numbers"},
        {LAYERS("{\"op\": \"branch\", \"merge\": \"sum\", \"branches\": []}"), NTK_ERROR_NETWORK, "layers[0]: branches is empty"},
        {LAYERS("{\"op\": \"branch\", \"merge\": \"sum\", \"branches\": {}}"), NTK_ERROR_NETWORK, "layers[0]: branches is an object; expected a list of lists"},
        {LAYERS("{\"op\": \"branch\", \"merge\": \"sum\", \"branches\": [[], {}]}"), NTK_ERROR_NETWORK,
         "layers[0].branches[1]: the value is an object; expected a list of layers"},
        {LAYERS("{\"op\": \"branch\", \"merge\": \"sum\", \"branchs\": [[]]}"), NTK_ERROR_NETWORK, "(did you mean \"branches\"?); expected one of merge, axis, branches"},
        {LAYERS("{\"op\": \"repeat\", \"layers\": []}"), NTK_ERROR_NETWORK, "layers[0]: repeat needs the key \"times\""},
        {LAYERS("{\"op\": \"repeat\", \"times\": 0, \"layers\": []}"), NTK_ERROR_NETWORK, "layers[0]: times is 0"},
        {LAYERS("{\"op\": \"repeat\", \"times\": 2}"), NTK_ERROR_NETWORK, "layers[0]: repeat needs the key \"layers\""},
        {LAYERS("{\"op\": \"repeat\", \"times\": 2, \"layers\": [{\"op\": \"relu\"}, {\"op\": \"dense\", \"units\": 0}]}"), NTK_ERROR_NETWORK,
         "layers[0].layers[1]: units is 0"},
        {LAYERS("{\"op\": \"relu\"}, {\"op\": \"branch\", \"merge\": \"sum\", \"branches\": [[{\"op\": \"relu\"}, {\"op\": \"dence\"}]]}"),
         NTK_ERROR_NETWORK, "layers[1].branches[0][1]: unknown op \"dence\" (did you mean \"dense\"?)"},
    };
    check_refusals(*state, NTK_ARRAY_LENGTH(cases), cases);
}

/* `open` n times, then `close` n times. */
static char *nested(int n, const char *begin, const char *open, const char *close, const char *end)
{
    char *text = malloc(strlen(begin) + (size_t)n * (strlen(open) + strlen(close)) + strlen(end) + 1), *at = text;
    assert_non_null(text);
    at = stpcpy(at, begin);
    for (int i = 0; i < n; ++i) at = stpcpy(at, open);
    for (int i = 0; i < n; ++i) at = stpcpy(at, close);
    strcpy(at, end);
    return text;
}

static void check_nested(ntk_context *ctx, int n, const char *begin, const char *open, const char *close, const char *end, ntk_status status,
                         const char *sentence)
{
    char *text = nested(n, begin, open, close, end);
    ntk_network *net;
    kit_fails(ctx, ntk_network_parse(ctx, text, &net), status, sentence);
    free(text);
}

#define REPEAT "{\"op\": \"repeat\", \"times\": 1, \"layers\": ["
#define REPEAT_MANY "{\"op\": \"repeat\", \"times\": 1000000000, \"layers\": ["
#define BRANCH "{\"op\": \"branch\", \"merge\": \"sum\", \"branches\": [["

static void test_nesting(void **state)
{
    ntk_context *ctx = *state;
    char *text = nested(NTK_MAX_NESTING - 1, BEGIN "[", REPEAT, "]}", "]}");
    ntk_network_destroy(kit_network(ctx, text));
    free(text);
    check_nested(ctx, NTK_MAX_NESTING, BEGIN "[", REPEAT, "]}", "]}", NTK_ERROR_NETWORK, "lists of layers nest more than 64 deep");
    check_nested(ctx, NTK_MAX_NESTING, BEGIN "[", BRANCH, "]]}", "]}", NTK_ERROR_NETWORK, ": lists of layers nest more than 64 deep");
    check_nested(ctx, NTK_MAX_NESTING - 1, BEGIN "[", REPEAT_MANY, "]}", "]}", NTK_ERROR_OVERFLOW, "more than the 1000000");
    check_nested(ctx, 100000, BEGIN "[", REPEAT, "]}", "]}", NTK_ERROR_SYNTAX, "maximum parsing depth");
    check_nested(ctx, 100000, "", "[", "", "", NTK_ERROR_SYNTAX, "maximum parsing depth");
}

/* Long names and keys are shortened; the sentence after them survives. */
static void test_long_names(void **state)
{
    ntk_context *ctx = *state;
    check_nested(ctx, 100000, BEGIN "[{\"op\": \"", "x", "", "\"}]}", NTK_ERROR_NETWORK, "...\"; expected one of dense, identity");
    check_nested(ctx, 100000, BEGIN "[{\"op\": \"dense\", \"", "x", "", "\": 1}]}", NTK_ERROR_NETWORK, "...\"; expected one of units");
    check_nested(ctx, 100000, BEGIN "[{\"op\": \"dense\", \"units\": \"", "x", "", "\"}]}", NTK_ERROR_NETWORK, "...\"; expected an integer");
}

/* Every prefix of a valid text is refused, and so is every text with one byte replaced by a brace or a NUL-free control. */
static void test_truncated(void **state)
{
    static const char valid[] = LAYERS("{\"op\": \"dense\", \"units\": 3, \"w_std\": 1.5e0}, " BRANCH "], [{\"op\": \"relu\"}]]}");
    ntk_context *ctx = *state;
    char text[sizeof valid];
    ntk_network *net;
    ntk_network_destroy(kit_network(ctx, valid));
    for (size_t n = 0; n + 1 < sizeof valid; ++n) {
        memcpy(text, valid, n);
        text[n] = 0;
        kit_fails(ctx, ntk_network_parse(ctx, text, &net), NTK_ERROR_SYNTAX, "line");
    }
    for (size_t n = 0; n + 1 < sizeof valid; ++n) {
        memcpy(text, valid, sizeof valid);
        text[n] = '\x01';
        kit_fails(ctx, ntk_network_parse(ctx, text, &net), NTK_ERROR_SYNTAX, "line");
    }
}

/* Where the machine has a locale with a decimal comma, it changes nothing. */
static void test_locale(void **state)
{
    static const char *const locales[] = {"fr_FR.UTF-8", "de_DE.UTF-8", "C"};
    for (size_t i = 0; i < NTK_ARRAY_LENGTH(locales); ++i) {
        ntk_network *net;
        setlocale(LC_ALL, locales[i]);
        net = kit_network(*state, LAYERS("{\"op\": \"dense\", \"units\": 3, \"w_std\": 1.5}"));
        kit_near(net->steps[0].w_std, 1.5, 0);
        ntk_network_destroy(net);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {kit_test(test_syntax),     kit_test(test_head),      kit_test(test_layers), kit_test(test_nesting),
                                       kit_test(test_long_names), kit_test(test_truncated), kit_test(test_locale)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
