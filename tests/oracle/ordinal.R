# Reference values for tests/test_ordinal.py.  Rscript tests/oracle/ordinal.R
suppressPackageStartupMessages({
  library(MASS); library(ordinal); library(VGAM); library(jsonlite)
})
i <- 1:139
knowledge <- (i * 7 + i %/% 5) %% 5
tenure <- ((i * 29) %% 31) / 10
group <- c("a", "b", "c")[(i * 11 + i %/% 3) %% 3 + 1]
score <- knowledge * 0.35 + 0.2 * tenure + 0.4 * (group == "b") + ((i * 37) %% 41) / 12
likelihood <- as.integer(cut(score, c(-Inf, 1.4, 2.3, 3.1, 3.9, Inf)))
crossing <- as.integer(cut((knowledge - 2) * ((i * 17) %% 13 - 4) / 3 + (i * 5) %% 7,
                           c(-Inf, 0, 2, 4, Inf)))
d <- data.frame(knowledge, tenure, group = factor(group), likelihood, crossing)
d$y <- ordered(d$likelihood); d$z <- ordered(d$crossing)
tight <- clm.control(gradTol = 1e-12, maxIter = 200)
# Fits by matrix, so that columns can be dropped and held fixed.
fit_columns <- function(y, x, offset = rep(0, length(y))) {
  e <- data.frame(y = y, offset = offset)
  if (!ncol(x)) return(clm(y ~ 1 + offset(offset), data = e, control = tight))
  e <- cbind(e, x); names(e)[-(1:2)] <- paste0("x", seq_len(ncol(x)))
  clm(reformulate(c(names(e)[-(1:2)], "offset(offset)"), "y"), data = e, control = tight)
}
ll <- function(fit) as.numeric(logLik(fit))
analyse <- function(formula, data) {
  mf <- model.frame(formula, data); y <- model.response(mf)
  mm <- model.matrix(formula, data); x <- mm[, -1, drop = FALSE]; of <- attr(mm, "assign")[-1]
  full <- fit_columns(y, x)
  b <- unname(full$beta); se <- unname(sqrt(diag(vcov(full))))[-seq_along(full$alpha)]
  limit <- function(k, direction) {
    gap <- function(v) ll(fit_columns(y, x[, -k, drop = FALSE], v * x[, k])) - ll(full) +
      qchisq(0.95, 1) / 2
    uniroot(gap, sort(c(b[k], b[k] + direction * 4 * se[k])), tol = 1e-13)$root
  }
  list(thresholds = unname(full$alpha), estimate = b, se = se,
       low = sapply(seq_along(b), limit, -1), high = sapply(seq_along(b), limit, 1),
       loglik = ll(full),
       terms = lapply(unique(of), function(t) 2 * (ll(full) - ll(fit_columns(y, x[, of != t, drop = FALSE])))),
       joint = 2 * (ll(full) - ll(fit_columns(y, x[, FALSE, drop = FALSE]))))
}
single <- analyse(y ~ knowledge, d)
several <- analyse(y ~ knowledge + tenure + group, d)
polr_fit <- polr(y ~ knowledge + tenure + group, data = d, Hess = TRUE)
# Brant's test from R's own glm fits and the covariances in Brant (1990), eq. 6
brant <- function(y, x) {
  x1 <- cbind(1, x); k <- length(levels(y)); p <- ncol(x); yi <- as.integer(y)
  fits <- lapply(1:(k - 1), function(j) glm.fit(x1, as.integer(yi > j), family = binomial(),
    control = glm.control(epsilon = 1e-15, maxit = 100)))
  pr <- sapply(fits, function(f) f$fitted.values)
  inv <- lapply(1:(k - 1), function(j) solve(t(x1) %*% (x1 * pr[, j] * (1 - pr[, j]))))
  v <- matrix(0, (k - 1) * p, (k - 1) * p)
  for (a in 1:(k - 1)) for (b in 1:(k - 1)) {
    lo <- min(a, b); hi <- max(a, b)
    w <- pr[, hi] - pr[, a] * pr[, b]
    block <- inv[[a]] %*% (t(x1) %*% (x1 * w)) %*% inv[[b]]
    v[(a - 1) * p + 1:p, (b - 1) * p + 1:p] <- block[-1, -1]
  }
  beta <- unlist(lapply(fits, function(f) f$coefficients[-1]))
  one <- function(which) {
    dmat <- do.call(rbind, lapply(2:(k - 1), function(j) {
      m <- matrix(0, length(which), (k - 1) * p)
      for (r in seq_along(which)) { m[r, which[r]] <- 1; m[r, (j - 1) * p + which[r]] <- -1 }
      m }))
    q <- dmat %*% beta
    list(statistic = as.numeric(t(q) %*% solve(dmat %*% v %*% t(dmat)) %*% q), df = nrow(dmat))
  }
  list(all = one(1:p), first = one(1))
}
x <- model.matrix(~ knowledge + tenure, d)[, -1]
result <- list(
  data = list(knowledge = knowledge, tenure = tenure, group = group, likelihood = likelihood,
              crossing = crossing),
  single = single, several = several,
  polr = list(estimate = unname(coef(polr_fit)), se = unname(sqrt(diag(vcov(polr_fit)))[1:4])),
  brant = brant(d$z, x), sizes = as.list(table(d$z)))
control <- vglm.control(epsilon = 1e-13, maxit = 200)
parallel <- vglm(z ~ knowledge + tenure, cumulative(parallel = TRUE, reverse = TRUE), data = d,
                 control = control)
partial <- vglm(z ~ knowledge + tenure, cumulative(parallel = FALSE ~ 1 + knowledge, reverse = TRUE),
                data = d, control = control)
result$vgam <- list(
  parallel = as.numeric(logLik(parallel)), partial = as.numeric(logLik(partial)),
  coefficients = as.list(coef(partial)), se = as.list(sqrt(diag(vcov(partial)))))
write_json(result, "tests/oracle/ordinal.json", digits = NA, auto_unbox = TRUE, pretty = TRUE)
