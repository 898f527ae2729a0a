/* A stranger's first program: the NTK of the two-layer ReLU network at two equal and two orthogonal vectors, in closed form. */
#include <math.h>
#include <ntk.h>
#include <stdio.h>

/* Theta(x, x) = |x|²/2 (s_v² + s_w²) and, at right angles, s_w² |x||x'|/(2 pi); here s_v = 1.5, s_w = 2, |x| = 5. */
int main(void)
{
    const double x[2] = {3, 4}, y[2] = {-4, 3};
    double same = 0, orthogonal = 0;
    ntk_context *ctx = NULL;
    int ok = ntk_context_create(NULL, &ctx) == NTK_OK && ntk_relu_two_layer_ntk(ctx, 2, x, x, 2, 1.5, &same) == NTK_OK &&
             ntk_relu_two_layer_ntk(ctx, 2, x, y, 2, 1.5, &orthogonal) == NTK_OK;
    printf("libntk %s: %.17g %.17g %s\n", ntk_version(), same, orthogonal, ntk_context_error_message(ctx));
    ntk_context_destroy(ctx);
    return ok && fabs(same - 78.125) < 1e-13 && fabs(orthogonal - 50 / acos(-1.0)) < 1e-14 ? 0 : 1;
}
