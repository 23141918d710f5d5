# Raking by base R's loglin, a weighted mean with linearised error, and the slope of weighted ranks
# with White's covariance; the share of y above 5 by the survey package. Writes weighting.json.
# Needs jsonlite and survey.
library(jsonlite); suppressMessages(library(survey))
set.seed(20230308)
n <- 120
d <- data.frame(size = sample(c("a", "b", "c"), n, TRUE, c(.5, .3, .2)),
                lang = sample(c("x", "y"), n, TRUE, c(.7, .3)))
x <- sample(1:5, n, TRUE); y <- x + sample(0:6, n, TRUE)
size <- c(a = .2, b = .3, c = .5); lang <- c(x = .4, y = .6)
start <- table(d$size, d$lang)
target <- outer(size, lang) * n
# Fitting the margins of the target, from the table of the sample.
fitted <- loglin(target, list(1, 2), start = start, fit = TRUE, eps = 1e-13, iter = 1000,
                 print = FALSE)$fit
w <- (fitted / start)[cbind(match(d$size, rownames(start)), match(d$lang, colnames(start)))]
mean_w <- weighted.mean(y, w)
error <- sqrt(n / (n - 1) * sum((w * (y - mean_w))^2)) / sum(w)
rx <- rank(x); ry <- rank(y)
fit <- lm(ry ~ rx, weights = w)
X <- model.matrix(fit); bread <- solve(crossprod(X, w * X))
V <- bread %*% crossprod(X * (w * residuals(fit))) %*% bread
corr <- cov.wt(cbind(rx, ry), w, cor = TRUE)$cor[1, 2]
high <- as.numeric(y > 5)
design <- svydesign(ids = ~1, weights = w, data = data.frame(high = high))
share <- svyciprop(~high, design, method = "xlogit", df = sum(w)^2 / sum(w^2) - 1)
write_json(list(groups = d, x = x, y = y, weights = w, effective_n = sum(w)^2 / sum(w^2),
                share = c(as.numeric(share), as.numeric(confint(share))),
                mean = mean_w, error = error, correlation = corr,
                z = unname(coef(fit)[2] / sqrt(V[2, 2]))),
           "weighting.json", digits = NA, auto_unbox = TRUE)
