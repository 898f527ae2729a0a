/* The names that files of this room have in the pass for f32 (lib/core/real.h). */
#ifndef NTK_KERNEL_SINGLE_H
#define NTK_KERNEL_SINGLE_H

#define ntk_empirical_check ntk_empirical_check_f32
#define ntk_empirical_contract ntk_empirical_contract_f32
#define ntk_empirical_kernel ntk_empirical_kernel_f32
#define ntk_empirical_squares ntk_empirical_squares_f32
#define ntk_structured_kernel ntk_structured_kernel_f32

#define ntk_factors_diagonal ntk_factors_diagonal_f32
#define ntk_factors_fill ntk_factors_fill_f32
#define ntk_factors_fill_bytes ntk_factors_fill_bytes_f32
#define ntk_strips_add ntk_strips_add_f32
#define ntk_strips_add_diagonal ntk_strips_add_diagonal_f32
#define ntk_strips_add_gram ntk_strips_add_gram_f32
#define ntk_strips_block ntk_strips_block_f32
#define ntk_strips_bytes ntk_strips_bytes_f32
#define ntk_strips_diagonal ntk_strips_diagonal_f32
#define ntk_strips_gram ntk_strips_gram_f32

#define ntk_jacobian_gram ntk_jacobian_gram_f32
#define ntk_products_block ntk_products_block_f32
#define ntk_products_diagonal ntk_products_diagonal_f32
#define ntk_products_multiply ntk_products_multiply_f32

#endif
