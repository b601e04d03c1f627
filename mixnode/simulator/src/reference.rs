//! Reference values for the paper's figures, whose text lacks the plots' numbers. They come from an independent simulation of
//! the paper's model; how many repetitions it took is not known.

/// Figure 5: rates of arrival λ of its columns, per second.
pub const FIGURE5_LAMBDA: [f64; 5] = [50.0, 100.0, 150.0, 200.0, 250.0];
/// Figure 5: the mean delay in seconds, and the entropy in bits for each of [`FIGURE5_LAMBDA`].
pub const FIGURE5: [(f64, [f64; 5]); 5] = [
    (0.1, [3.758, 4.767, 5.352, 5.767, 6.088]),
    (0.2, [4.767, 5.768, 6.352, 6.767, 7.088]),
    (0.5, [6.089, 7.088, 7.674, 8.089, 8.411]),
    (1.0, [7.089, 8.089, 8.674, 9.089, 9.411]),
    (2.0, [8.089, 9.090, 9.674, 10.087, 10.407]),
];

/// A value on the x axis, ε in the final pool, and ε averaged over outgoing messages, in nats.
pub type Epsilon<X> = (X, f64, f64);

/// Figure 6: ε by μ, per time unit.
pub const FIGURE6: [Epsilon<f64>; 9] = [
    (0.1, 0.0097, 0.0098),
    (0.25, 0.035, 0.034),
    (0.5, 0.079, 0.083),
    (1.0, 0.198, 0.184),
    (1.5, 0.331, 0.298),
    (2.0, 0.396, 0.421),
    (3.0, 0.569, 0.687),
    (5.0, 1.56, 1.45),
    (10.0, 3.9, 4.1),
];

/// Figure 7: ε by the number of layers.
pub const FIGURE7: [Epsilon<usize>; 7] = [
    (1, 2.45, 2.54),
    (2, 0.263, 0.289),
    (3, 0.196, 0.184),
    (4, 0.155, 0.149),
    (5, 0.116, 0.124),
    (6, 0.115, 0.105),
    (10, 0.084, 0.075),
];

/// Figure 8: ε by the number of corrupt mixes, of 9.
pub const FIGURE8: [Epsilon<usize>; 7] = [
    (0, 0.198, 0.184),
    (1, 0.217, 0.227),
    (2, 0.242, 0.373),
    (3, 0.338, 0.616),
    (4, 0.478, 0.886),
    (5, 0.644, 1.19),
    (6, 0.865, 1.55),
];
