// ten_lines.c in C++: exclusive-or, learned by an infinitely wide network; nothing to give back, nothing to check by hand.
#include "ntk.hpp"

#include <cstdio>

static const char json[] = R"({"format": "ntk-network", "version": 1, "input": [2], "layers": [
    {"op": "dense", "units": 512, "w_std": 1.4, "b_std": 0.1}, {"op": "relu"}, {"op": "dense", "units": 1}]})";

static std::vector<double> predictions(const std::vector<double> &x, const std::vector<double> &y, const std::vector<double> &x_test)
{
    ntk_predictor_options options = {};
    std::vector<double> f(x_test.size() / 2);
    options.struct_size = NTK_PREDICTOR_OPTIONS_INIT;
    options.ridge = 1e-3;

    ntk::context ctx;
    const auto net = ntk::make<ntk::network>(ctx, ntk_network_parse, json);
    const auto kernel = ntk::make<ntk::kernel>(ctx, ntk_kernel_from_network, net.get(), nullptr);
    const auto gram = ntk::make<ntk::gram>(ctx, ntk_gram_create, kernel.get(), ntk::matrix(x, 2), nullptr);
    const auto model = ntk::make<ntk::predictor>(ctx, ntk_predictor_create, gram.get(), ntk::vector(y), &options);
    ntk::call(ctx, ntk_predictor_mean, model.get(), ntk::matrix(x_test, 2), ntk::vector(f));
    return f;
}

// Failures arrive as exceptions with the sentence of the library.
static bool errors_are_thrown()
{
    const ntk::context ctx;
    try {
        ntk::make<ntk::network>(ctx, ntk_network_parse, "{\"format\": 1}");
    } catch (const ntk::error &problem) {
        std::printf("An error, as it should be: %s\n", problem.what());
        return problem.status() == NTK_ERROR_NETWORK && problem.what()[0] != '\0';
    }
    return false;
}

// Owners moved, and ended in the wrong order: the gram outlives its network, kernel and context.
static bool any_order_will_do()
{
    ntk::gram gram;
    {
        ntk::context ctx;
        auto net = ntk::make<ntk::network>(ctx, ntk_network_parse, json);
        auto kernel = ntk::make<ntk::kernel>(ctx, ntk_kernel_from_network, net.get(), nullptr);
        net.reset();
        gram = ntk::make<ntk::gram>(ctx, ntk_gram_create, kernel.get(), ntk::matrix(std::vector<double>{1, 2, 3, 4}, 2), nullptr);
    }
    std::vector<double> diagonal(2);
    ntk::call(ntk::context(), ntk_gram_get_diagonal, gram.get(), NTK_KIND_NTK, ntk::vector(diagonal));
    return diagonal[0] > 0 && diagonal[1] > diagonal[0];
}

int main()
{
    const std::vector<double> x = {-1, -1, -1, 1, 1, -1, 1, 1}, y = {-1, 1, 1, -1}, x_test = {-0.8, -0.9, -0.7, 1.1, 1.2, -0.9, 0.9, 0.6};
    bool right = errors_are_thrown() && any_order_will_do();
    try {
        const std::vector<double> f = predictions(x, y, x_test);
        for (std::size_t i = 0; i < f.size(); ++i) {
            std::printf("  x = (%4.1f, %4.1f)   class %+.0f   prediction %+.6f\n", x_test[2 * i], x_test[2 * i + 1], y[i], f[i]);
            right = right && f[i] * y[i] > 0;
        }
    } catch (const std::exception &problem) {
        std::fprintf(stderr, "%s\n", problem.what());
        return 2;
    }
    return right ? 0 : 1;
}
