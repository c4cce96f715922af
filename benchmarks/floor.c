/* The floor under training 2-4-1: plain gradient descent, every size a constant, nothing recorded.

   gcc -O3 -march=native -ffast-math -shared -fPIC -o floor.so floor.c -lm
   (`benchmarks/nn.py` does so, and calls `train`.)

   The samples are padded with zero shares to a whole number of vectors, so that the compiler has
   one loop without a rest. It turns exp into a call of the vector library that comes with glibc. */

#include <math.h>

#define SAMPLES 400
#define INPUTS 2
#define UNITS 4

/* theta: W1 (INPUTS x UNITS, row by row), b1 (UNITS), W2 (UNITS), b2; changed in place.
   X: INPUTS rows of SAMPLES, y: SAMPLES. */
void train(double *restrict theta, const double *restrict X, const double *restrict y,
           int steps, double rate)
{
    double W1[INPUTS][UNITS], b1[UNITS], W2[UNITS], b2;
    static double A[UNITS][SAMPLES], dz[SAMPLES];
    for (int i = 0; i < INPUTS; i++)
        for (int j = 0; j < UNITS; j++) W1[i][j] = theta[i * UNITS + j];
    for (int j = 0; j < UNITS; j++) {
        b1[j] = theta[INPUTS * UNITS + j];
        W2[j] = theta[INPUTS * UNITS + UNITS + j];
    }
    b2 = theta[INPUTS * UNITS + 2 * UNITS];

    for (int step = 0; step < steps; step++) {
        double dW1[INPUTS][UNITS] = {{0}}, db1[UNITS] = {0}, dW2[UNITS] = {0}, db2 = 0;
        /* Two loops: a call of exp saves no vector register, so the sums must not live across it. */
        for (int s = 0; s < SAMPLES; s++) {
            double z = b2;
            for (int j = 0; j < UNITS; j++) {
                double Z = b1[j];
                for (int i = 0; i < INPUTS; i++) Z += W1[i][j] * X[i * SAMPLES + s];
                A[j][s] = Z > 0 ? Z : 0;
                z += W2[j] * A[j][s];
            }
            dz[s] = 1 / (1 + exp(-z)) - y[s];
        }
        for (int s = 0; s < SAMPLES; s++) {
            db2 += dz[s];
            for (int j = 0; j < UNITS; j++) {
                dW2[j] += dz[s] * A[j][s];
                double dZ = A[j][s] > 0 ? dz[s] * W2[j] : 0;
                db1[j] += dZ;
                for (int i = 0; i < INPUTS; i++) dW1[i][j] += dZ * X[i * SAMPLES + s];
            }
        }
        double scale = rate / SAMPLES;
        for (int j = 0; j < UNITS; j++) {
            for (int i = 0; i < INPUTS; i++) W1[i][j] -= scale * dW1[i][j];
            b1[j] -= scale * db1[j];
            W2[j] -= scale * dW2[j];
        }
        b2 -= scale * db2;
    }
    for (int i = 0; i < INPUTS; i++)
        for (int j = 0; j < UNITS; j++) theta[i * UNITS + j] = W1[i][j];
    for (int j = 0; j < UNITS; j++) {
        theta[INPUTS * UNITS + j] = b1[j];
        theta[INPUTS * UNITS + UNITS + j] = W2[j];
    }
    theta[INPUTS * UNITS + 2 * UNITS] = b2;
}
