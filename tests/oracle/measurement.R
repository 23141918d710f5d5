# Polychoric correlations, factor models, reliability and item functioning of ordered items.
# Writes measurement.json. Needs lavaan, psych, MASS, jsonlite.
suppressMessages({library(lavaan); library(psych); library(MASS); library(jsonlite)})
set.seed(20230308)
n <- 220
f1 <- rnorm(n); f2 <- 0.6 * f1 + 0.8 * rnorm(n)
cuts <- list(c(-1.2, -.3, .4, 1.3), c(-1, 0, .9), c(-1.5, -.6, .3, 1.1))
same <- matrix(rnorm(n * 3), n)
make <- function(f, j, load) {
  y <- load * f + sqrt(1 - load^2) * (0.5 * same[, j] + sqrt(0.75) * rnorm(n))
  as.integer(cut(y, c(-Inf, cuts[[j]], Inf)))
}
d <- data.frame(a1 = make(f1, 1, .8), a2 = make(f1, 2, .7), a3 = make(f1, 3, .6),
                b1 = make(f2, 1, .7), b2 = make(f2, 2, .8), b3 = make(f2, 3, .65))
gaps <- d
for (v in names(gaps)) gaps[sample(n, 22), v] <- NA
group <- as.integer(runif(n) < .4)
items <- names(d)

models <- list(
  one = "f =~ a1+a2+a3+b1+b2+b3",
  two = "f =~ a1+a2+a3\ng =~ b1+b2+b3",
  shared = "f =~ a1+a2+a3\ng =~ b1+b2+b3\na1~~b1\na2~~b2\na3~~b3")
fitted <- function(data, model, missing) {
  fit <- cfa(model, data = data, ordered = items, std.lv = TRUE, estimator = "WLSMV",
             missing = missing)
  std <- parameterEstimates(fit)
  l <- std[std$op == "=~", ]
  phi <- std[std$lhs == "f" & std$op == "~~" & std$rhs == "g", ]
  shared <- std[std$op == "~~" & std$lhs %in% items & std$lhs != std$rhs, ]
  m <- fitMeasures(fit)
  list(loadings = l$est, loading_errors = l$se,
       phi = if (nrow(phi)) phi$est else NULL, phi_error = if (nrow(phi)) phi$se else NULL,
       shared = if (nrow(shared)) shared$est else NULL,
       chi_square = m[["chisq.scaled"]], df = m[["df"]], p = m[["pvalue.scaled"]],
       cfi = m[["cfi.scaled"]], rmsea = m[["rmsea.scaled"]], srmr = m[["srmr"]],
       n = lavInspect(fit, "nobs"))
}
poly <- function(data, missing) {
  fit <- lavCor(data, ordered = items, missing = missing, output = "fit", se = "robust.sem")
  e <- parameterEstimates(fit)
  e <- e[e$op == "~~" & e$lhs != e$rhs, ]
  list(lhs = e$lhs, rhs = e$rhs, est = e$est, se = e$se)
}
p <- psych::polychoric(d, correct = 0)$rho
between <- p[1:3, 4:6]; within <- function(m) mean(m[upper.tri(m)])
dif <- lapply(items, function(v) {
  rest <- rowMeans(d[setdiff(items[(match(v, items) > 3) * 3 + 1:3], v)])
  y <- factor(d[[v]])
  base <- polr(y ~ rest); uniform <- polr(y ~ rest + group, Hess = TRUE)
  both <- polr(y ~ rest * group)
  list(item = v, log_odds = unname(coef(uniform)["group"]),
       se = sqrt(vcov(uniform)["group", "group"]),
       uniform = base$deviance - uniform$deviance, total = base$deviance - both$deviance)
})
r <- apply(d[c("a1", "b1", "a3")], 2, rank); k <- solve(cor(r))
partial <- -k[1, 2] / sqrt(k[1, 1] * k[2, 2])
write_json(list(
  data = d, gaps = gaps, group = group,
  complete = poly(d, "listwise"), pairwise = poly(gaps, "pairwise"),
  psych = p,
  psych_alpha = psych::alpha(p[1:3, 1:3])$total$std.alpha,
  htmt = mean(between) / sqrt(within(p[1:3, 1:3]) * within(p[4:6, 4:6])),
  htmt_apart = mean(between[row(between) != col(between)]) /
    sqrt(within(p[1:3, 1:3]) * within(p[4:6, 4:6])),
  models = lapply(models, function(m) fitted(d, m, "listwise")),
  models_gaps = lapply(models, function(m) fitted(gaps, m, "pairwise")),
  dif = dif,
  partial = list(rho = partial, t = partial * sqrt((n - 3) / (1 - partial^2)),
                 p = 2 * pt(-abs(partial * sqrt((n - 3) / (1 - partial^2))), n - 3))
), "measurement.json", digits = NA, auto_unbox = TRUE, na = "null", pretty = FALSE)
