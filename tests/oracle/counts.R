# Reference values for tests/test_counts.py.  Rscript tests/oracle/counts.R
suppressPackageStartupMessages({library(MASS); library(jsonlite)})
i <- 1:139
likelihood <- (i * 7 + i %/% 5) %% 5
tenure <- ((i * 29) %% 31) / 10
group <- c("a", "b", "c")[(i * 11 + i %/% 3) %% 3 + 1]
u <- ((i * 37) %% 139 + 0.5) / 139
spread <- ((i * 53) %% 139 + 0.5) / 139
over <- qnbinom(u, size = 1.7, mu = exp(0.4 + 0.2 * likelihood + 0.1 * tenure - 0.3 * (group == "c")))
under <- qbinom(u, 9, plogis(-1 + 0.2 * likelihood))
d <- data.frame(likelihood, tenure, group = factor(group), over, under)
tight <- glm.control(epsilon = 1e-15, maxit = 200)
k <- 9
limits <- function(loglik, b, se) {
  full <- loglik(b)
  gap <- function(v) loglik(v) - full + qchisq(0.95, 1) / 2
  c(uniroot(gap, c(b - 4 * se, b), tol = 1e-13)$root, uniroot(gap, c(b, b + 4 * se), tol = 1e-13)$root)
}
x <- model.matrix(~ likelihood + tenure + group, d)
result <- list(data = list(likelihood = likelihood, tenure = tenure, group = group, over = over,
                           under = under))
# Poisson
p <- glm(over ~ likelihood + tenure + group, poisson, d, control = tight)
held <- function(v) as.numeric(logLik(glm(over ~ tenure + group + offset(v * likelihood), poisson, d,
                                           control = tight)))
lim <- limits(held, coef(p)["likelihood"], summary(p)$coef["likelihood", 2])
result$poisson <- list(
  estimate = unname(coef(p)[-1]), se = unname(summary(p)$coef[-1, 2]), low = lim[1], high = lim[2],
  loglik = as.numeric(logLik(p)), lrt = drop1(p, test = "LRT")$LRT[-1],
  dispersion = sum(residuals(p, "pearson")^2) / df.residual(p))
# quasi-Poisson
q <- glm(over ~ likelihood + tenure + group, quasipoisson, d, control = tight)
s <- summary(q)$coef[-1, ]
vg <- vcov(q)[4:5, 4:5]; bg <- coef(q)[4:5]
result$quasi_poisson <- list(
  estimate = unname(s[, 1]), se = unname(s[, 2]), t = unname(s[, 3]), p = unname(s[, 4]),
  group_f = as.numeric(bg %*% solve(vg) %*% bg) / 2)
qu <- summary(glm(under ~ likelihood, quasipoisson, d, control = tight))
result$quasi_poisson_under <- list(estimate = qu$coef[2, 1], se = qu$coef[2, 2], p = qu$coef[2, 4],
                                   dispersion = qu$dispersion)
# negative binomial: glm.nb, and its likelihood maximised over all parameters for the profile
nb <- glm.nb(over ~ likelihood + tenure + group, d, control = glm.control(epsilon = 1e-14, maxit = 500))
result$glm_nb <- list(estimate = unname(coef(nb)[-1]), se = unname(summary(nb)$coef[-1, 2]),
                      alpha = 1 / nb$theta, loglik = as.numeric(logLik(nb)))
nbll <- function(x, offset = 0) {
  f <- function(par) -sum(dnbinom(over, size = exp(par[length(par)]),
    mu = exp(drop(x %*% par[-length(par)]) + offset), log = TRUE))
  start <- c(coef(glm.fit(x, over, family = poisson(), offset = rep(offset, length.out = 139))), 0.5)
  best <- nlminb(start, f, control = list(rel.tol = 1e-15, x.tol = 1e-14, iter.max = 2000, eval.max = 9999))
  -best$objective
}
full <- nbll(x)
lim <- local({
  gap <- function(v) nbll(x[, -2], v * likelihood) - full + qchisq(0.95, 1) / 2
  b <- coef(nb)["likelihood"]; se <- summary(nb)$coef["likelihood", 2]
  c(uniroot(gap, c(b - 4 * se, b), tol = 1e-13)$root, uniroot(gap, c(b, b + 4 * se), tol = 1e-13)$root)
})
result$negative_binomial <- list(loglik = full, low = lim[1], high = lim[2],
  lrt_likelihood = 2 * (full - nbll(x[, -2])), lrt_group = 2 * (full - nbll(x[, 1:3])),
  joint = 2 * (full - nbll(x[, 1, drop = FALSE])))
# quasi-binomial
qb <- summary(glm(cbind(under, k - under) ~ likelihood + tenure, quasibinomial, d, control = tight))
result$quasi_binomial <- list(estimate = unname(qb$coef[-1, 1]), se = unname(qb$coef[-1, 2]),
                              p = unname(qb$coef[-1, 4]), dispersion = qb$dispersion)
write_json(result, "tests/oracle/counts.json", digits = NA, auto_unbox = TRUE, pretty = TRUE)
