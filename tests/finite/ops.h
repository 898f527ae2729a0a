/* Small networks, every op over positions among them. */
#ifndef NTK_TEST_FINITE_OPS_H
#define NTK_TEST_FINITE_OPS_H

#define HEAD(shape) "{\"format\": \"ntk-network\", \"version\": 1, \"input\": " shape ", \"layers\": ["

#define FIRST "{\"op\": \"conv\", \"units\": 3, \"kernel\": 2, \"padding\": \"same\", \"w_std\": 1.5, \"b_std\": 0.1}, {\"op\": \"erf\"}, "
static const char *const networks[] = {
    HEAD("[6, 2]") FIRST "{\"op\": \"conv\", \"units\": 2, \"kernel\": 3, \"dilation\": 2, \"padding\": \"same\", \"b_std\": 0.3, \"parameterization\": \"standard\"}]}",
    HEAD("[5, 4, 2]") FIRST "{\"op\": \"conv\", \"units\": 2, \"kernel\": [2, 3], \"strides\": [2, 1], \"padding\": \"circular\"}, {\"op\": \"global_avg_pool\"}]}",
    HEAD("[3, 3, 2, 1]") FIRST "{\"op\": \"conv\", \"units\": 2, \"kernel\": 2, \"b_std\": 0.3, \"parameterization\": \"textbook\"}, {\"op\": \"flatten\"}, {\"op\": \"dense\", \"units\": 2}]}",
    HEAD("[5, 4, 2]") FIRST "{\"op\": \"conv_local\", \"units\": 2, \"kernel\": 2, \"strides\": [1, 2], \"padding\": \"same\", \"b_std\": 0.2}]}",
    HEAD("[3, 2]") FIRST "{\"op\": \"conv_transpose\", \"units\": 2, \"kernel\": 3, \"strides\": 2, \"b_std\": 0.2}]}",
    HEAD("[3, 4, 2]") FIRST "{\"op\": \"conv_transpose\", \"units\": 2, \"kernel\": [3, 5], \"strides\": [2, 1], \"padding\": \"circular\"}]}",
    HEAD("[5, 4, 2]") FIRST "{\"op\": \"avg_pool\", \"window\": 2, \"strides\": [2, 1], \"padding\": \"same\", \"normalize_edges\": true}]}",
    HEAD("[5, 4, 2]") FIRST "{\"op\": \"avg_pool\", \"window\": 3, \"padding\": \"same\"}, {\"op\": \"sum_pool\", \"window\": [2, 1], \"padding\": \"circular\"}]}",
    HEAD("[5, 4, 2]") FIRST "{\"op\": \"max_pool\", \"window\": 2, \"strides\": [2, 1], \"padding\": \"same\"}, {\"op\": \"global_sum_pool\"}]}",
    HEAD("[5, 4, 2]") FIRST "{\"op\": \"slice\", \"start\": [1, null], \"stop\": [null, 0], \"step\": [2, -1]}, {\"op\": \"dropout\", \"keep\": 0.5}]}",
    HEAD("[5, 4, 2]") FIRST "{\"op\": \"resize\", \"shape\": [3, 7]}, {\"op\": \"resize\", \"shape\": [2, 9], \"method\": \"nearest\"}]}",
    HEAD("[4, 2]") FIRST "{\"op\": \"attention\", \"heads\": 2, \"dim_key\": 3, \"dim_value\": 2, \"units\": 2, \"q_std\": 2.5, \"k_std\": 2.1, \"v_std\": 0.9, \"o_std\": 1.2, \"b_std\": 0.2}]}",
    HEAD("[4, 2]") FIRST "{\"op\": \"attention\", \"heads\": 2, \"dim_key\": 3, \"dim_value\": 2, \"units\": 2, \"q_std\": 2.5, \"k_std\": 2.1, \"v_std\": 0.9, \"o_std\": 1.2, \"linear_scaling\": false, \"pos_emb\": \"sum\", \"pos_emb_std\": 0.8, \"val_pos_emb\": true}]}",
    HEAD("[2, 3, 2]") FIRST "{\"op\": \"attention\", \"heads\": 2, \"dim_key\": 3, \"dim_value\": 2, \"units\": 2, \"q_std\": 2.5, \"k_std\": 2.1, \"v_std\": 0.9, \"o_std\": 1.2, \"mechanism\": \"identity\", \"pos_emb\": \"concat\", \"pos_emb_std\": 0.8, \"b_std\": 0.1}]}",
    HEAD("[3, 2]") FIRST "{\"op\": \"attention\", \"heads\": 2, \"dim_key\": 3, \"dim_value\": 2, \"units\": 2, \"q_std\": 2.5, \"k_std\": 2.1, \"v_std\": 0.9, \"o_std\": 1.2, \"mechanism\": \"abs\", \"linear_scaling\": false, \"pos_emb\": \"concat\", \"val_pos_emb\": true}]}",
    HEAD("[4, 2]") FIRST "{\"op\": \"attention\", \"heads\": 2, \"dim_key\": 3, \"dim_value\": 2, \"units\": 2, \"q_std\": 2.5, \"k_std\": 2.1, \"v_std\": 0.9, \"o_std\": 1.2, \"mechanism\": \"relu\", \"linear_scaling\": false, \"pos_emb\": \"sum\"}]}",
    HEAD("[4, 2]") "{\"op\": \"attention\", \"heads\": 1, \"dim_key\": 2, \"dim_value\": 2, \"units\": 2, \"pos_emb\": \"sum\", \"b_std\": 0.3}, {\"op\": \"erf\"}, {\"op\": \"dense\", \"units\": 2}, {\"op\": \"flatten\"}]}",
    HEAD("[4, 2]") FIRST "{\"op\": \"layer_norm\", \"axes\": [-2, -1], \"epsilon\": 0.01}]}",
    HEAD("[3, 4, 2]") FIRST "{\"op\": \"layer_norm\", \"axes\": [0, -1], \"epsilon\": 0.01}, {\"op\": \"flatten\"}, {\"op\": \"dense\", \"units\": 2}]}",
    HEAD("[3, 4, 2]") FIRST "{\"op\": \"branch\", \"merge\": \"concat\", \"axis\": 0, \"branches\": [[], [{\"op\": \"avg_pool\", \"window\": [2, 1]}]]}]}",
};

#endif
