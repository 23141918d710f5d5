# Reference values for tests/test_imputation.py. Run from the root of the repository:
#   Rscript tests/oracle/imputation.R
# R 4 with mice, jsonlite. Inputs and results go to tests/oracle/imputation.json.
suppressPackageStartupMessages({
  library(mice)
  library(jsonlite)
})
RNGkind("Mersenne-Twister", "Inversion", "Rejection")
set.seed(139)

estimates <- c(0.41, 0.55, 0.37, 0.62, 0.48)
errors <- c(0.21, 0.19, 0.22, 0.20, 0.23)
pooled <- function(n) {
  s <- pool.scalar(estimates, errors^2, n = n, k = 2)
  half <- qt(.975, s$df) * sqrt(s$t)
  list(estimate = s$qbar, standard_error = sqrt(s$t), df = s$df, relative_increase = s$r,
       missing_information = s$fmi, low = s$qbar - half, high = s$qbar + half,
       p = 2 * pt(-abs(s$qbar) / sqrt(s$t), s$df))
}

# D2 (Li, Meng, Raghunathan and Rubin 1991) as in van Buuren (2018), Flexible Imputation of Missing
# Data, section 5.3.
m <- 5
d <- c(5.2, 6.9, 4.4, 8.1, 5.7)
r2 <- (1 + 1 / m) * var(sqrt(d))
d2 <- (mean(d) / 3 - (m + 1) / (m - 1) * r2) / (1 + r2)
nu2 <- 3^(-3 / m) * (m - 1) * (1 + 1 / r2)^2

# A survey with answers missing at random: mice's pooled estimates, with many imputations so that
# Monte Carlo error is small, and pmm for every column as in the function under test.
n <- 139
size <- sample(1:5, n, TRUE)
know <- pmin(4, pmax(0, round(1 + .3 * size + rnorm(n))))
concern <- pmin(5, pmax(1, round(2 + .5 * know + rnorm(n, 0, .8))))
full <- data.frame(size, know, concern)
data <- full
data$know[runif(n) < plogis(-2.2 + .45 * concern)] <- NA
data$size[runif(n) < .1] <- NA
imp <- mice(data, m = 400, maxit = 10, method = "pmm", printFlag = FALSE, seed = 1)
fit <- with(imp, lm(concern ~ know + size))
s <- summary(pool(fit))
means <- sapply(complete(imp, "all"), function(x) mean(x$know))

write_json(list(
  r = R.version.string, mice = as.character(packageVersion("mice")),
  scalar = list(estimates = estimates, errors = errors, large = pooled(Inf), small = pooled(139)),
  d2 = list(d = d, df1 = 3, statistic = d2, increase = r2, df = nu2,
            p = pf(d2, 3, nu2, lower.tail = FALSE)),
  survey = list(data = data, know_mean = mean(means), know_spread = sd(means),
                estimate = s$estimate, standard_error = s$std.error,
                complete = unname(coef(lm(concern ~ know + size, data))))
), "tests/oracle/imputation.json", digits = NA, auto_unbox = TRUE, pretty = TRUE, na = "null",
dataframe = "columns", matrix = "rowmajor")
