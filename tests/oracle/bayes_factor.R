# Reference values for tests/test_bayes_factor.py.  Rscript tests/oracle/bayes_factor.R
suppressPackageStartupMessages({
  library(BayesFactor); library(jsonlite)
})
out <- "tests/oracle/bayes_factor.json"
if (!file.exists("tests/oracle")) stop("run from the top of the repository")
bf01 <- function(x) unname(exp(-x@bayesFactor$bf))

# Effect with a Cauchy prior and the likelihood of t (Rouder et al. 2009)
first <- c(4.1, 5.3, 3.8, 6.0, 5.1, 4.7, 5.9, 4.4, 5.0, 6.3, 3.9)
second <- c(4.0, 3.2, 4.9, 3.7, 4.4, 2.9, 5.2, 3.8, 4.1)
t <- unname(t.test(first, second, var.equal = TRUE)$statistic)
jzs <- lapply(c(0.2, sqrt(2) / 2, 1.5), function(r) list(
  scale = r, bf01 = bf01(ttestBF(first, second, rscale = r))
))

# Exact conditional logistic likelihood over all subsets, prior integrated by R's integrate
x <- c(0, 0, 1, 1, 2, 2, 3, 3, 3, 1, 0, 2); y <- c(0, 0, 0, 1, 0, 1, 1, 1, 1, 0, 1, 0)
subsets <- combn(length(x), sum(y)); sums <- apply(subsets, 2, function(k) sum(x[k]))
observed <- sum(x[y == 1])
likelihood <- Vectorize(function(b) 1 / sum(exp(b * (sums - observed))))
conditional <- unlist(lapply(c("normal", "cauchy"), function(prior) lapply(c(0.1, 0.4, 2), function(s) {
  density <- if (prior == "normal") function(b) dnorm(b, 0, s) else function(b) dcauchy(b, 0, s)
  product <- function(b) likelihood(b) * density(b)
  pieces <- c(-Inf, -8, -2, -0.3, 0, 0.3, 2, 8, Inf)
  marginal <- sum(mapply(function(from, to) {
    integrate(product, from, to, rel.tol = 1e-11, abs.tol = 0, subdivisions = 2000)$value
  }, head(pieces, -1), tail(pieces, -1)))
  list(prior = prior, scale = s, bf01 = likelihood(0) / marginal)
})), recursive = FALSE)

write_json(list(
  t = list(value = t, n = c(length(first), length(second))), jzs = jzs,
  conditional = list(x = x, y = y, cases = conditional)
), out, digits = NA, auto_unbox = TRUE, pretty = TRUE)
