# Reference values for tests/test_ranks.py.  Rscript tests/oracle/ranks.R
suppressPackageStartupMessages({ library(coin); library(effectsize); library(rstatix); library(jsonlite) })
i <- 1:60
lean <- c(0.9, 1.3, -0.4, 1.1, -1.2, 0.1)
y <- sapply(1:6, function(j) {
  x <- lean[j] + 3 + ((i * (7 + 6 * j) + i %/% (2 + j)) %% 17 - 8) / 5 + ((i * 5) %% 11 - 5) / 8
  pmin(pmax(round(x), 1), 5)
})
colnames(y) <- letters[1:6]
gaps <- y
for (j in 1:6) gaps[(i * (j + 3) + j) %% 13 == 0, j] <- NA
gaps[8, 2:6] <- NA
paired <- function(a, b) {
  both <- !is.na(a) & !is.na(b); a <- a[both]; b <- b[both]
  plain <- suppressWarnings(wilcox.test(a, b, paired = TRUE, exact = FALSE, correct = FALSE))
  exact <- wilcoxsign_test(a ~ b, zero.method = "Wilcoxon", distribution = "exact")
  list(n = length(a), statistic = unname(plain$statistic), normal_p = plain$p.value,
       exact_p = as.numeric(pvalue(exact)), effect = rank_biserial(a, b, paired = TRUE)$r_rank_biserial)
}
pairs <- combn(6, 2)
compared <- apply(pairs, 2, function(p) paired(gaps[, p[1]], gaps[, p[2]]))
f <- friedman.test(y)
long <- data.frame(id = factor(rep(i, 6)), object = factor(rep(letters[1:6], each = 60)), y = c(y))
untied <- t(sapply(1:7, function(r) order((1:6 * (r + 2) * 7) %% 13)))
s <- friedman.test(untied)
# Chi-square approximation aside: R's exact signed-rank test, which it has for untied differences only.
d <- c(1.1, -2.3, 3.7, 4.2, -5.9, 6.1, 7.7, 8.3, 9.6, -0.4)
write_json(list(
  ratings = y, gaps = gaps, pairs = compared,
  adjusted = p.adjust(sapply(compared, function(x) x$exact_p), "holm"),
  friedman = list(statistic = unname(f$statistic), p = f$p.value,
                  w = kendalls_w(y, ci = NULL, verbose = FALSE)$Kendalls_W,
                  rstatix_w = friedman_effsize(long, y ~ object | id)$effsize),
  few = list(ratings = untied, statistic = unname(s$statistic)),
  untied = list(differences = d, statistic = unname(wilcox.test(d)$statistic), p = wilcox.test(d)$p.value)),
  "tests/oracle/ranks.json", digits = NA, auto_unbox = TRUE, pretty = TRUE, na = "null")
