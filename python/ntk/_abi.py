"""The C side: the library, the layouts of its structs and the types of its functions, each declared once.

tests/python/abi.py compares the layouts with include/ntk.h.
"""
import ctypes
import ctypes.util
import os
from ctypes import CFUNCTYPE, POINTER, Structure, c_char_p, c_double, c_int, c_int32, c_int64, c_size_t, c_uint64, c_void_p

MAX_NDIM = 6
F64, F32, I64, U8 = range(4)


class Array(Structure):
    """ntk_array"""
    _fields_ = [("data", c_void_p), ("dtype", c_int), ("ndim", c_int32), ("shape", c_int64 * MAX_NDIM), ("strides", c_int64 * MAX_NDIM)]


ARRAY = POINTER(Array)
PROGRESS = CFUNCTYPE(c_int, c_void_p, c_double)
LOG = CFUNCTYPE(None, c_void_p, c_char_p)
PRODUCT = CFUNCTYPE(c_int, c_void_p, c_int64, POINTER(c_double), c_int64, POINTER(c_double))
ROWS = CFUNCTYPE(c_int, c_void_p, c_int64, c_int64, c_int64, POINTER(c_double))
KERNEL = CFUNCTYPE(c_int, c_void_p, c_int64, c_int64, POINTER(c_double), c_int64, POINTER(c_double), POINTER(c_double), c_int64)


class Options(Structure):
    """A struct that opens with its size."""

    def __init__(self, **fields):
        super().__init__(**fields)
        self.struct_size = ctypes.sizeof(self)


class ContextOptions(Options):
    _fields_ = [("struct_size", c_size_t), ("allocate", c_void_p), ("allocate_user", c_void_p), ("log", LOG), ("log_user", c_void_p),
                ("progress", PROGRESS), ("progress_user", c_void_p), ("memory_limit", c_uint64), ("threads", c_int32), ("reserved", c_int32)]


class JacobianFunctions(Options):
    _fields_ = [("struct_size", c_size_t), ("rows", c_int64), ("columns", c_int64), ("outputs", c_int64), ("user", c_void_p), ("jvp", PRODUCT),
                ("vjp", PRODUCT), ("get_rows", ROWS)]


class DifferenceOptions(Options):
    _fields_ = [("struct_size", c_size_t), ("order", c_int32), ("reserved", c_int32), ("step", c_double)]


class Range(Structure):
    _fields_ = [("first", c_int64), ("count", c_int64)]


class KernelOptions(Options):
    _fields_ = [("struct_size", c_size_t), ("outputs", c_int), ("reserved", c_int32), ("algorithm", c_int), ("reserved_2", c_int32), ("dropout", c_int), ("reserved_3", c_int32)]


class DataStructure(Options):
    _fields_ = [("struct_size", c_size_t), ("mask", ARRAY), ("graph", ARRAY)]


class Request(Options):
    _fields_ = [("struct_size", c_size_t), ("nngp", ARRAY), ("ntk", ARRAY), ("layers", ARRAY), ("ntk_error", ARRAY), ("nngp_error", ARRAY),
                ("structure1", POINTER(DataStructure)), ("structure2", POINTER(DataStructure))]


class MonteCarloOptions(Options):
    _fields_ = [("struct_size", c_size_t), ("samples", c_int64), ("width", c_int64), ("seed", c_uint64)]


class Job(Options):
    _fields_ = [("struct_size", c_size_t), ("n1", c_int64), ("n2", c_int64), ("inputs", c_int64), ("dtype", c_int), ("no_ntk", c_int32), ("nngp", c_int32),
                ("layers", c_int32), ("diagonal", c_int32), ("gram", c_int32), ("storage", c_int), ("reserved", c_int32)]


class PredictorJob(Options):
    _fields_ = [("struct_size", c_size_t), ("n", c_int64), ("m", c_int64), ("columns", c_int64), ("inputs", c_int64), ("draws", c_int64), ("dtype", c_int),
                ("storage", c_int), ("posterior", c_int), ("decomposition", c_int), ("consume", c_int32), ("noise", c_int32), ("f0", c_int32),
                ("variance", c_int32), ("covariance", c_int32), ("reserved", c_int32)]


class Estimate(Structure):
    _fields_ = [("bytes", c_double), ("result_bytes", c_double), ("flops", c_double), ("reserved", c_double * 5)]


class GramOptions(Options):
    _fields_ = [("struct_size", c_size_t), ("nngp", c_int32), ("no_ntk", c_int32), ("storage", c_int), ("reserved", c_int32),
                ("structure", POINTER(DataStructure))]


class SpectrumOptions(Options):
    _fields_ = [("struct_size", c_size_t), ("kind", c_int), ("values_only", c_int32), ("tolerance", c_double)]


class SolverOptions(Options):
    _fields_ = [("struct_size", c_size_t), ("kind", c_int), ("reserved", c_int32), ("ridge", c_double), ("ridge_relative", c_double),
                ("consume", c_int32), ("reserved_2", c_int32), ("decomposition", c_int), ("reserved_3", c_int32), ("tolerance", c_double),
                ("rank", c_int64), ("most", c_int64)]


class PredictorOptions(Options):
    _fields_ = [("struct_size", c_size_t), ("posterior", c_int), ("decomposition", c_int), ("loss_scale", c_int), ("reserved", c_int32),
                ("ridge", c_double), ("ridge_relative", c_double), ("learning_rate", c_double), ("f0", ARRAY),
                ("consume", c_int32), ("reserved_2", c_int32), ("noise", ARRAY), ("tolerance", c_double)]


class TestSet(Options):
    _fields_ = [("struct_size", c_size_t), ("x", ARRAY), ("ntk", ARRAY), ("nngp", ARRAY), ("ntk_test", ARRAY), ("nngp_test", ARRAY), ("f0", ARRAY),
                ("structure", POINTER(DataStructure))]


class DynamicsOptions(Options):
    _fields_ = [("struct_size", c_size_t), ("kind", c_int), ("loss_scale", c_int), ("learning_rate", c_double), ("tolerance", c_double),
                ("f0", ARRAY), ("momentum", c_double), ("weight_decay", c_double), ("discrete", c_int32), ("reserved", c_int32),
                ("decay_to_zero", c_int32), ("decay_in_loss", c_int32), ("theta0", ARRAY), ("linear0", ARRAY)]


class TopOptions(Options):
    _fields_ = [("struct_size", c_size_t), ("kind", c_int), ("space", c_int), ("tolerance", c_double), ("rank_tolerance", c_double),
                ("most_vectors", c_int64), ("seed", c_uint64)]


class TraceOptions(Options):
    _fields_ = [("struct_size", c_size_t), ("samples", c_int64), ("seed", c_uint64), ("plain", c_int32), ("reserved", c_int32)]


class TrainerOptions(Options):
    _fields_ = [("struct_size", c_size_t), ("loss", c_int), ("loss_scale", c_int), ("descent", c_int), ("linearised", c_int32), ("learning_rate", c_double),
                ("beta1", c_double), ("beta2", c_double), ("epsilon", c_double), ("delta", c_double), ("optimizer", c_void_p)]


LOSS = CFUNCTYPE(c_int, c_void_p, c_int64, c_int64, POINTER(c_double), POINTER(c_double), POINTER(c_double), POINTER(c_double))


class LearningOptions(Options):
    _fields_ = [("struct_size", c_size_t), ("kind", c_int), ("loss", c_int), ("loss_scale", c_int), ("discrete", c_int32), ("learning_rate", c_double),
                ("momentum", c_double), ("weight_decay", c_double), ("huber_delta", c_double), ("tolerance", c_double), ("steady", c_double),
                ("max_steps", c_int64), ("f0", ARRAY), ("callback", LOSS), ("user", c_void_p), ("curvature", c_double)]


class TunerOptions(Options):
    _fields_ = [("struct_size", c_size_t), ("kind", c_int), ("objective", c_int), ("noise", c_double)]


class DesignOptions(Options):
    _fields_ = [("struct_size", c_size_t), ("ridge", c_double), ("fraction", c_double), ("samples", c_int64)]


class ReconstructOptions(Options):
    _fields_ = [("struct_size", c_size_t), ("noise", ARRAY), ("prior", c_double), ("tolerance", c_double)]


STRUCTS = {"ntk_array": Array, "ntk_context_options": ContextOptions, "ntk_jacobian_functions": JacobianFunctions,
           "ntk_difference_options": DifferenceOptions, "ntk_range": Range, "ntk_kernel_options": KernelOptions, "ntk_structure": DataStructure, "ntk_request": Request,
           "ntk_monte_carlo_options": MonteCarloOptions,
           "ntk_job": Job, "ntk_estimate": Estimate, "ntk_gram_options": GramOptions, "ntk_spectrum_options": SpectrumOptions, "ntk_solver_options": SolverOptions,
           "ntk_predictor_options": PredictorOptions, "ntk_predictor_job": PredictorJob, "ntk_test_set": TestSet, "ntk_dynamics_options": DynamicsOptions,
           "ntk_design_options": DesignOptions, "ntk_reconstruct_options": ReconstructOptions, "ntk_trainer_options": TrainerOptions,
           "ntk_learning_options": LearningOptions, "ntk_tuner_options": TunerOptions, "ntk_top_options": TopOptions,
           "ntk_trace_options": TraceOptions}

# The functions that a context goes into first and a status comes out of: name -> types of the other arguments.
_H, _A, _D, _I = c_void_p, ARRAY, c_double, c_int64  # a handle, an array, a number, a count
_NEW = POINTER(c_void_p)
CALLS = {
    "network_parse": (c_char_p, _NEW),
    "network_format": (_H, c_char_p, c_size_t, POINTER(c_size_t)),
    "network_widen": (_H, c_int64, _NEW),
    "network_initialize": (_H, c_uint64, _A),
    "network_forward": (_H, _A, _A, _A),
    "network_forward_with": (_H, _A, _A, POINTER(DataStructure), _A),
    "network_jvp": (_H, _A, _A, _A, _A),
    "network_vjp": (_H, _A, _A, _A, _A),
    "optimizer_identity": (_NEW,),
    "optimizer_adam": (_A, _D, _NEW),
    "optimizer_adam_update": (_A, _D, _A),
    "optimizer_adam_after": (_A, _D, _I, _D, _NEW),
    "optimizer_diagonal": (_A, _NEW),
    "optimizer_get_diagonal": (_H, _A),
    "jacobian_from_network": (_H, _A, _A, _NEW),
    "jacobian_with": (_H, _A, _A, POINTER(DataStructure), _NEW),
    "jacobian_from_matrix": (_A, _I, _NEW),
    "jacobian_from_callbacks": (POINTER(JacobianFunctions), _NEW),
    "jacobian_from_function": (PRODUCT, c_void_p, _A, _I, _I, POINTER(DifferenceOptions), _NEW),
    "jacobian_restrict": (_H, POINTER(Range), _I, _NEW),
    "jacobian_restrict_layers": (_H, POINTER(c_char_p), _I, _NEW),
    "jacobian_stack": (POINTER(c_void_p), _I, _NEW),
    "jacobian_adjoint_error": (_H, c_uint64, POINTER(c_double)),
    "jacobian_apply": (_H, _A, _A),
    "jacobian_apply_transposed": (_H, _A, _A),
    "jacobian_get_rows": (_H, _I, _A),
    "kernel_from_network": (_H, POINTER(KernelOptions), _NEW),
    "kernel_empirical": (_H, _A, _H, POINTER(KernelOptions), _NEW),
    "kernel_monte_carlo": (_H, POINTER(MonteCarloOptions), _NEW),
    "kernel_sum": (POINTER(c_void_p), POINTER(c_double), _I, _NEW),
    "kernel_normalise": (_H, _NEW),
    "kernel_from_callback": (KERNEL, c_void_p, c_int, _NEW),
    "kernel_estimate": (_H, POINTER(Job), POINTER(Estimate)),
    "kernel_eval": (_H, _A, _A, POINTER(Request)),
    "kernel_diagonal": (_H, _A, POINTER(Request)),
    "gram_create": (_H, _A, POINTER(GramOptions), _NEW),
    "gram_from_matrix": (_A, _NEW),
    "gram_from_matrices": (_A, _A, _NEW),
    "gram_from_jacobian": (_H, _H, _NEW),
    "gram_from_jacobian_by": (_H, _H, c_int, _NEW),
    "gram_get_diagonal": (_H, c_int, _A),
    "gram_get_block": (_H, c_int, _I, _I, _A),
    "gram_multiply": (_H, c_int, _A, _A),
    "spectrum_create": (_H, POINTER(SpectrumOptions), _NEW),
    "spectrum_from_jacobian": (_H, _H, POINTER(SpectrumOptions), _NEW),
    "spectrum_top": (_H, _I, POINTER(TopOptions), _NEW),
    "spectrum_top_of_jacobian": (_H, _H, _I, POINTER(TopOptions), _NEW),
    "spectrum_interpolation": (_H, _A, POINTER(c_int), POINTER(c_double), POINTER(c_double), _A),
    "spectrum_natural_gradient": (_H, _A, _D, _A),
    "fisher_trace": (_H, _H, POINTER(TraceOptions), POINTER(c_double), POINTER(c_double)),
    "spectrum_get_values": (_H, _A),
    "spectrum_get_vectors": (_H, _A),
    "spectrum_get_parameter_vectors": (_H, _A),
    "spectrum_get_null_vectors": (_H, c_int, _A),
    "spectrum_project_null": (_H, _A, _A),
    "spectrum_log_evidence": (_H, _A, _D, POINTER(c_double)),
    "spectrum_leave_one_out": (_H, _A, _D, _A, _A),
    "design_measure": (_H, _A, POINTER(DesignOptions), _A),
    "fisher_multiply": (_H, _A, _A),
    "fisher_norm": (_H, _A, POINTER(c_double)),
    "solver_create": (_H, POINTER(SolverOptions), _NEW),
    "solver_solve": (_H, _A, _A),
    "solver_log_determinant": (_H, POINTER(c_double)),
    "solver_backward_error": (_H, _A, _A, POINTER(c_double)),
    "predictor_variance": (_H, POINTER(TestSet), _D, _A),
    "predictor_sample": (_H, POINTER(TestSet), _D, c_uint64, _A),
    "predictor_leave_one_out": (_H, _A, _A, _A),
    "classes_code": (_A, _A),
    "classes_decide": (_A, _A),
    "classes_temperature": (_A, _A, POINTER(c_double)),
    "classes_probabilities": (_A, _D, _A),
    "classes_score": (_A, _A, POINTER(c_double), POINTER(c_double)),
    "predictor_create": (_H, _A, POINTER(PredictorOptions), _NEW),
    "predictor_estimate": (_H, POINTER(PredictorJob), POINTER(Estimate)),
    "predictor_at": (_H, POINTER(TestSet), _D, _A, _A),
    "tuner_create": (_H, _A, _A, POINTER(TunerOptions), _NEW),
    "tuner_get_name": (_H, _I, c_char_p, c_size_t),
    "tuner_get_values": (_H, _A),
    "tuner_evaluate": (_H, _A, POINTER(c_double), _A),
    "tuner_network": (_H, _A, _NEW),
    "learning_create": (_H, _A, POINTER(LearningOptions), _NEW),
    "learning_weights_at": (_H, _A, POINTER(c_double), _I, _A),
    "learning_train": (_H, _A, _A),
    "learning_test": (_H, _A, _A, _A, _A),
    "learning_loss": (_H, _A, _A),
    "learning_parameters": (_H, _A, _A),
    "dynamics_create": (_H, _A, POINTER(DynamicsOptions), _NEW),
    "dynamics_at": (_H, POINTER(c_double), _I, _A),
    "dynamics_test_at": (_H, _A, _A, POINTER(c_double), _I, _A),
    "dynamics_test_decayed_at": (_H, _A, _A, _A, POINTER(c_double), _I, _A),
    "dynamics_parameters_at": (_H, POINTER(c_double), _I, _A),
    "dynamics_loss_at": (_H, POINTER(c_double), _I, _A),
    "dynamics_decay_at": (_H, POINTER(c_double), _I, _A),
    "dynamics_bound_at": (_H, POINTER(c_double), _I, _A),
    "dynamics_mode_times": (_H, _D, _A),
    "dynamics_time_to_loss": (_H, _D, POINTER(c_double)),
    "trainer_create": (_H, _A, _A, _A, POINTER(TrainerOptions), _NEW),
    "trainer_run": (_H, _I),
    "trainer_resume": (_H, _I, _A, _A, _A),
    "trainer_get_parameters": (_H, _A),
    "trainer_get_moments": (_H, _A, _A),
    "trainer_get_outputs": (_H, _A),
    "trainer_get_loss": (_H, POINTER(c_double)),
    "system_from_gram": (_H, c_int, _NEW),
    "system_from_jacobian": (_H, _H, _D, _NEW),
    "system_from_matrices": (_A, _A, _A, _NEW),
    "system_gramian": (_H, c_int, _D, _A),
    "system_gramian_factor": (_H, c_int, _D, _A),
    "system_get_matrices": (_H, _A, _A, _A),
    "system_discrete_gramian": (_H, c_int, _D, _A),
    "system_hankel": (_H, _A),
    "system_reduce": (_H, _I, POINTER(c_double), _NEW),
    "system_residual": (_H, c_int, _A, POINTER(c_double)),
    "system_discrete_residual": (_H, c_int, _D, _A, POINTER(c_double)),
    "system_with_ports": (_H, _A, _A, _NEW),
    "system_lyapunov": (_H, c_int, _A, _A),
    "system_resting_modes": (_H, c_int, POINTER(c_int64)),
    "system_response": (_H, _A, POINTER(c_double), _I, _A),
    "system_reconstruct": (_H, POINTER(c_double), _I, _A, POINTER(ReconstructOptions), _A, _A, POINTER(c_int64)),
    "system_directions": (_H, c_int, _D, _A, _A, _A),
    "system_minimum_energy": (_H, _D, _A, POINTER(c_double), _A),
    "system_get_eigenvalues": (_H, _A),
    "system_dominant_mode": (_H, POINTER(c_double), POINTER(c_double), _A),
    "system_settling_time": (_H, _D, POINTER(c_double), POINTER(c_double)),
}

# The others: name -> (result, arguments).
GETTERS = {
    "version": (c_char_p, ()),
    "blas_kernels": (c_char_p, ()),
    "blas_right_kernels": (c_char_p, ()),
    "blas_is_slow": (c_int, ()),
    "status_message": (c_char_p, (c_int,)),
    "status_name": (c_char_p, (c_int,)),
    "context_create": (c_int, (POINTER(ContextOptions), _NEW)),
    "context_error_message": (c_char_p, (_H,)),
    "context_threads": (c_int, (_H,)),
    "context_cpu": (c_char_p, (_H,)),
    "network_parameters": (c_int64, (_H,)),
    "gram_algorithm": (c_int, (_H,)),
    "algorithm_name": (c_char_p, (c_int,)),
    "network_outputs": (c_int64, (_H,)),
    "network_layers": (c_int64, (_H,)),
    "network_input": (c_int, (_H, POINTER(c_int64))),
    "system_rank": (c_int64, (_H,)),
    "system_inputs": (c_int64, (_H,)),
    "system_outputs": (c_int64, (_H,)),
    "system_abscissa": (c_double, (_H,)),
    "system_largest_step": (c_double, (_H,)),
    "optimizer_parameters": (c_int64, (_H,)),
    "jacobian_rows": (c_int64, (_H,)),
    "jacobian_columns": (c_int64, (_H,)),
    "jacobian_outputs": (c_int64, (_H,)),
    "jacobian_dtype": (c_int, (_H,)),
    "gram_size": (c_int64, (_H,)),
    "gram_has": (c_int, (_H, c_int)),
    "spectrum_size": (c_int64, (_H,)),
    "spectrum_rank": (c_int64, (_H,)),
    "spectrum_condition": (c_double, (_H,)),
    "solver_ridge": (c_double, (_H,)),
    "tuner_parameters": (c_int64, (_H,)),
    "learning_state_size": (c_int64, (_H,)),
    "dynamics_rank": (c_int64, (_H,)),
    "dynamics_largest_step": (c_double, (_H,)),
    "dynamics_unreachable_loss": (c_double, (_H,)),
    "trainer_steps": (c_int64, (_H,)),
    "system_size": (c_int64, (_H,)),
    "kappa0": (c_double, (_D,)),
    "kappa1": (c_double, (_D,)),
}
NOUNS = ("context", "network", "optimizer", "jacobian", "kernel", "gram", "spectrum", "solver", "predictor", "dynamics", "learning", "system", "trainer", "tuner")
ENUMS = ("dtype", "kind", "outputs", "posterior", "decomposition", "loss_scale", "loss", "descent", "gramian", "space", "objective", "storage", "algorithm", "dropout")


def _open():
    name = os.environ.get("NTK_LIBRARY") or ctypes.util.find_library("ntk") or "libntk.so.0"
    try:
        return ctypes.CDLL(name)
    except OSError as problem:
        raise ImportError(f"libntk is not found ({problem}); install it, or name it in the environment variable NTK_LIBRARY") from problem


def _declare(library):
    for name, arguments in CALLS.items():
        function = getattr(library, "ntk_" + name)
        function.restype, function.argtypes = c_int, (c_void_p, *arguments)
    for name, (result, arguments) in GETTERS.items():
        function = getattr(library, "ntk_" + name)
        function.restype, function.argtypes = result, arguments
    for noun in NOUNS:
        function = getattr(library, f"ntk_{noun}_destroy")
        function.restype, function.argtypes = None, (c_void_p,)
    for enum in ENUMS:
        function = getattr(library, f"ntk_{enum}_from_name")
        function.restype, function.argtypes = c_int, (c_char_p, POINTER(c_int))
    return library


library = _declare(_open())
