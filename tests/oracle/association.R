# Reference values for tests/test_association.py.  Rscript tests/oracle/association.R
suppressPackageStartupMessages({
  library(coin); library(jsonlite); library(effectsize)
})
out <- "tests/oracle/association.json"
if (!file.exists("tests/oracle")) stop("run from the top of the repository")

# One deterministic data set with ties, sparse cells and a rare outcome; no random numbers, so
# that it does not depend on R's generator.
i <- 1:139
size <- (i * 7 + i %/% 5) %% 5
industry <- (i * 11 + i %/% 3) %% 7
rare <- as.integer((i * 13) %% 17 == 0 & size >= 1 | i %% 31 == 0)
exposed <- as.integer((i * 5 + size) %% 9 < 2)
defences <- (i * i + 3 * exposed + size) %% 9
concern <- round(1 + ((i * 17 + 2 * size) %% 21) / 5, 10)
data <- data.frame(size, industry, rare, exposed, defences, concern)

result <- list(data = as.list(data))
fisher <- function(tab) {
  f <- fisher.test(tab)
  list(p = f$p.value, estimate = unname(f$estimate), low = f$conf.int[1], high = f$conf.int[2])
}
result$fisher <- fisher(table(exposed, rare))
result$fisher_90 <- {
  f <- fisher.test(table(exposed, rare), conf.level = 0.9)
  list(low = f$conf.int[1], high = f$conf.int[2])
}
# 2 x c, exact
small <- data.frame(a = rep(0:1, c(9, 6)), b = c(0,0,0,0,1,1,1,2,2, 0,1,2,2,2,2))
result$small <- as.list(small)
result$ffh_small <- fisher.test(table(small$a, small$b))$p.value
result$chisq_statistic_small <- unname(suppressWarnings(chisq.test(table(small$a, small$b)))$statistic)
result$ffh_rare_industry <- fisher.test(table(rare, industry), workspace = 2e7)$p.value
result$chisq_rare_industry <- {
  ch <- suppressWarnings(chisq.test(table(rare, industry)))
  list(statistic = unname(ch$statistic), p = ch$p.value)
}
v <- cramers_v(table(exposed, defences), adjust = FALSE, alternative = "two.sided")
result$cramers_v <- list(estimate = v[[1]], low = v$CI_low, high = v$CI_high)
v <- cramers_v(table(exposed, defences), adjust = TRUE)
result$cramers_v_adjusted <- v[[1]]
# Trend: Cochran-Armitage as a linear-by-linear test, exact by the shift algorithm
trend <- independence_test(size ~ factor(rare), data = data, distribution = exact())
result$trend <- list(z = as.numeric(statistic(trend)), p = as.numeric(pvalue(trend)))
trend <- independence_test(defences ~ factor(exposed), data = data, distribution = exact())
result$trend_defences <- list(z = as.numeric(statistic(trend)), p = as.numeric(pvalue(trend)))
# Conditional logistic slope: maximise sum(x y) b - log sum over all subsets, small data
sx <- c(0,0,1,1,2,2,3,3,3,1,0,2); sy <- c(0,0,0,1,0,1,1,1,1,0,1,0)
subsets <- combn(length(sx), sum(sy)); sums <- apply(subsets, 2, function(k) sum(sx[k]))
t0 <- sum(sx[sy == 1])
tail_at <- function(b, which) {
  w <- exp(b * (sums - t0))
  sum(w[if (which == "upper") sums >= t0 else sums <= t0]) / sum(w)
}
solve1 <- function(f) uniroot(f, c(-20, 20), tol = 1e-14)$root
result$conditional <- list(
  x = sx, y = sy,
  estimate = exp(solve1(function(b) { w <- exp(b * (sums - t0)); sum(w * sums) / sum(w) - t0 })),
  low = exp(solve1(function(b) tail_at(b, "upper") - 0.025)),
  high = exp(solve1(function(b) tail_at(b, "lower") - 0.025)),
  p = mean(abs(sums - mean(sums)) >= abs(t0 - mean(sums)) - 1e-9))
# Mann-Whitney
w <- wilcox_test(defences ~ factor(exposed), data = data, distribution = exact())
result$mann_whitney <- list(p = as.numeric(pvalue(w)), z = as.numeric(statistic(w)))
w <- wilcox.test(defences[exposed == 1], defences[exposed == 0], exact = FALSE, correct = FALSE)
result$mann_whitney$u <- unname(w$statistic)
result$mann_whitney$asymptotic_p <- w$p.value
result$mann_whitney$rank_biserial <-
  rank_biserial(defences[exposed == 1], defences[exposed == 0])[[1]]
# Kruskal-Wallis
k <- kruskal.test(defences ~ factor(industry), data = data)
result$kruskal <- list(
  statistic = unname(k$statistic), p = k$p.value,
  eta = unname(rstatix::kruskal_effsize(transform(data, industry = factor(industry)),
                               defences ~ industry)$effsize),
  epsilon = rank_epsilon_squared(defences ~ factor(industry), data = data,
                                 iterations = 2)[[1]])
# Kendall, Spearman
kt <- cor.test(concern, size, method = "kendall", exact = FALSE)
result$kendall <- list(estimate = unname(kt$estimate), z = unname(kt$statistic), p = kt$p.value)
kt <- cor.test(defences, exposed, method = "kendall", exact = FALSE)
result$kendall_binary <- list(estimate = unname(kt$estimate), z = unname(kt$statistic), p = kt$p.value)
st <- suppressWarnings(cor.test(concern, size, method = "spearman", exact = FALSE))
result$spearman <- list(estimate = unname(st$estimate), p = st$p.value)
# Standard errors of tau-b, gamma, d by the delta method with numerical derivatives of the
# estimators as functions of the cell probabilities: another way than the closed formulas.
tab <- table(defences, size)
measures <- function(pr) {
  r <- nrow(pr); c <- ncol(pr); con <- 0; dis <- 0
  for (a in 1:r) for (b in 1:c) {
    if (a < r && b < c) con <- con + pr[a, b] * sum(pr[(a + 1):r, (b + 1):c])
    if (a < r && b > 1) dis <- dis + pr[a, b] * sum(pr[(a + 1):r, 1:(b - 1)])
  }
  wr <- (sum(pr)^2 - sum(rowSums(pr)^2)) / 2; wc <- (sum(pr)^2 - sum(colSums(pr)^2)) / 2
  c(tau_b = (con - dis) / sqrt(wr * wc), gamma = (con - dis) / (con + dis), d = (con - dis) / wc)
}
pr <- tab / sum(tab); h <- 1e-5
gradient <- sapply(seq_along(pr), function(k) {
  up <- down <- pr; up[k] <- up[k] + h; down[k] <- down[k] - h
  (measures(up) - measures(down)) / (2 * h)
})
se <- sqrt((gradient^2 %*% as.vector(pr) - (gradient %*% as.vector(pr))^2) / sum(tab))
result$delta <- list(estimate = as.list(measures(pr)), se = as.list(se[, 1]))
write_json(result, out, digits = NA, auto_unbox = TRUE, pretty = TRUE)
