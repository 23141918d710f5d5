# Reference values for tests/test_proportions.py, test_bootstrap.py and test_reliability.py.
# Rscript tests/oracle/proportions.R
suppressPackageStartupMessages({
  library(psych); library(jsonlite); library(boot)
})
out <- "tests/oracle/proportions.json"
if (!file.exists("tests/oracle")) stop("run from the top of the repository")

# Shares: Wilson's interval is prop.test without continuity correction, the exact one binom.test.
cases <- rbind(c(0, 1), c(1, 1), c(0, 139), c(1, 139), c(3, 139), c(70, 139), c(138, 139),
               c(139, 139), c(15, 148), c(81, 263))
levels <- c(0.9, 0.95, 0.99)
shares <- do.call(rbind, lapply(levels, function(level) {
  do.call(rbind, lapply(seq_len(nrow(cases)), function(i) {
    x <- cases[i, 1]; n <- cases[i, 2]
    w <- suppressWarnings(prop.test(x, n, conf.level = level, correct = FALSE))$conf.int
    e <- binom.test(x, n, conf.level = level)$conf.int
    data.frame(count = x, n = n, confidence = level, wilson_low = w[1], wilson_high = w[2],
               exact_low = e[1], exact_high = e[2])
  }))
}))

# Two shares: Newcombe's method 10, built here from prop.test's one-sample intervals.
pairs <- rbind(c(56, 70, 48, 80), c(9, 10, 3, 10), c(6, 7, 2, 7), c(5, 56, 0, 29),
               c(0, 10, 0, 20), c(0, 10, 0, 10), c(10, 10, 0, 20), c(10, 10, 0, 10),
               c(3, 139, 100, 4600))
ci <- function(x, n) suppressWarnings(prop.test(x, n, correct = FALSE))$conf.int
differences <- as.data.frame(t(apply(pairs, 1, function(v) {
  a <- ci(v[1], v[2]); b <- ci(v[3], v[4]); p <- v[1] / v[2]; q <- v[3] / v[4]
  c(count_1 = v[1], n_1 = v[2], count_2 = v[3], n_2 = v[4], difference = p - q,
    low = p - q - sqrt((p - a[1])^2 + (b[2] - q)^2),
    high = p - q + sqrt((a[2] - p)^2 + (q - b[1])^2))
})))

# Ratings in five steps, deterministic, with unequal spread and one item that hardly belongs.
i <- 1:139
latent <- ((i * 17) %% 29) / 28
step <- function(shift, noise, m) {
  v <- 1 + 4 * latent + noise * (((i * m) %% 23) / 22 - 0.5) + shift
  pmin(5, pmax(1, round(v)))
}
ratings <- data.frame(a = step(0, 2, 5), b = step(0.4, 3, 7), c = step(-0.5, 2.5, 11),
                      d = step(0, 4, 13), e = step(0.2, 1, 3), f = pmin(5, 1 + (i * 7) %% 6))
al <- suppressWarnings(psych::alpha(ratings, check.keys = FALSE, warnings = FALSE))
feldt <- function(level) {
  r <- alpha.ci(al$total$raw_alpha, n.obs = nrow(ratings), n.var = ncol(ratings),
                p.val = 1 - level)
  list(confidence = level, low = r$lower.ci, high = r$upper.ci)
}
reliability <- list(
  ratings = as.list(ratings), alpha = al$total$raw_alpha,
  feldt = lapply(c(0.9, 0.95), feldt), item_rest = al$item.stats$r.drop
)
# BCa from given draws: a skewed mean, its resampled values and its jackknife influence values.
x <- qexp((1:40 - 0.5) / 40)^1.5
set.seed(1)
drawn <- boot(x, function(v, k) mean(v[k]), R = 999)
drawn$t <- matrix(signif(drawn$t, 7))
influence <- (length(x) - 1) * (mean(x) - sapply(seq_along(x), function(k) mean(x[-k])))
bca <- lapply(c(0.9, 0.95), function(level) {
  b <- boot.ci(drawn, conf = level, type = c("bca", "perc"), L = influence)
  list(confidence = level, low = b$bca[4], high = b$bca[5],
       percentile_low = b$percent[4], percentile_high = b$percent[5])
})
bootstrap <- list(x = x, draws = as.vector(drawn$t), bca = bca)
write(toJSON(list(bootstrap = bootstrap, shares = shares, differences = differences, reliability = reliability),
             digits = NA, auto_unbox = TRUE, pretty = TRUE), out)
