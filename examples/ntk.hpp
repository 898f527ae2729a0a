/*
 * libntk for C++11: what owns a handle gives it back, what fails throws, and arrays are views of the program's own memory.
 *
 * Not a second interface: the owners are std::unique_ptr of the handles of ntk.h, and every function of that header can be called,
 * through ntk::call() for the exception and ntk::make() for a new handle.
 *
 *     ntk::context ctx;
 *     auto net = ntk::make<ntk::network>(ctx, ntk_network_parse, json);
 *     auto kernel = ntk::make<ntk::kernel>(ctx, ntk_kernel_from_network, net.get(), nullptr);
 *     auto gram = ntk::make<ntk::gram>(ctx, ntk_gram_create, kernel.get(), ntk::matrix(x, 4, 2), nullptr);
 */
#ifndef NTK_HPP
#define NTK_HPP

#include <ntk.h>

#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace ntk {

/** A call failed: what() is the sentence of the library, status() its kind. */
class error : public std::runtime_error {
public:
    error(ntk_status status, const std::string &sentence) : std::runtime_error(sentence), status_(status) {}
    ntk_status status() const noexcept { return status_; }

private:
    ntk_status status_;
};

/** The owners.  A handle keeps alive what it was made from, so they may end in any order. */
template <class T, void (*destroy)(T *)> struct giver {
    void operator()(T *handle) const noexcept { destroy(handle); }
};
template <class T, void (*destroy)(T *)> using owner = std::unique_ptr<T, giver<T, destroy>>;

using network = owner<ntk_network, ntk_network_destroy>;
using builder = owner<ntk_builder, ntk_builder_destroy>;
using optimizer = owner<ntk_optimizer, ntk_optimizer_destroy>;
using jacobian = owner<ntk_jacobian, ntk_jacobian_destroy>;
using kernel = owner<ntk_kernel, ntk_kernel_destroy>;
using gram = owner<ntk_gram, ntk_gram_destroy>;
using spectrum = owner<ntk_spectrum, ntk_spectrum_destroy>;
using solver = owner<ntk_solver, ntk_solver_destroy>;
using predictor = owner<ntk_predictor, ntk_predictor_destroy>;
using dynamics = owner<ntk_dynamics, ntk_dynamics_destroy>;
using system = owner<ntk_system, ntk_system_destroy>;

/** The context of a thread. */
class context {
public:
    explicit context(const ntk_context_options *options = nullptr)
    {
        ntk_context *made = nullptr;
        const ntk_status status = ntk_context_create(options, &made);
        if (status != NTK_OK) throw error(status, ntk_status_message(status));
        handle_.reset(made);
    }
    operator ntk_context *() const noexcept { return handle_.get(); }

private:
    owner<ntk_context, ntk_context_destroy> handle_;
};

/** Throws if a call with this context failed. */
inline void check(const context &ctx, ntk_status status)
{
    if (status != NTK_OK) throw error(status, ntk_context_error_message(ctx));
}

/** An ntk_array that can be handed over where ntk.h wants its address; its memory is the caller's. */
class array {
public:
    explicit array(const ntk_array &view) : view_(view) {}
    operator ntk_array *() noexcept { return &view_; }
    operator const ntk_array *() const noexcept { return &view_; }

private:
    ntk_array view_;
};

inline array vector(const double *data, std::int64_t n) { return array(ntk_vector_f64(data, n)); }
inline array vector(const std::vector<double> &data) { return vector(data.data(), static_cast<std::int64_t>(data.size())); }
inline array matrix(const double *data, std::int64_t rows, std::int64_t columns) { return array(ntk_matrix_f64(data, rows, columns)); }

/** The numbers of a vector as a matrix of so many columns. */
inline array matrix(const std::vector<double> &data, std::int64_t columns)
{
    const std::int64_t size = static_cast<std::int64_t>(data.size());
    if (columns < 1 || size % columns != 0)
        throw std::invalid_argument(std::to_string(size) + " numbers do not make rows of " + std::to_string(columns));
    return matrix(data.data(), size / columns, columns);
}

/** call(ctx, ntk_function, arguments...): the context goes in front, a failure is thrown. */
template <class Function, class... Arguments> void call(const context &ctx, Function function, Arguments &&...arguments)
{
    check(ctx, function(ctx, std::forward<Arguments>(arguments)...));
}

/** make<ntk::gram>(ctx, ntk_gram_create, arguments...): the new handle, owned. */
template <class Owner, class Function, class... Arguments> Owner make(const context &ctx, Function function, Arguments &&...arguments)
{
    typename Owner::pointer made = nullptr;
    const ntk_status status = function(ctx, std::forward<Arguments>(arguments)..., &made);
    Owner owned(made);
    check(ctx, status);
    return owned;
}

} // namespace ntk

#endif
