# Reference values for tests/test_logistic.py.  Rscript tests/oracle/logistic.R
#
# R's logistf is not in Debian, so Firth's estimate is found here by another route: R's own glm on
# data in which every case also appears with the other outcome, weighted by half its leverage, until
# the leverages no longer change (Heinze & Schemper 2002, section 2).
suppressPackageStartupMessages(library(jsonlite))

penalised <- function(x, y, beta) {
  eta <- drop(x %*% beta)
  w <- plogis(eta) * plogis(-eta)
  sum(ifelse(y == 1, plogis(eta, log.p = TRUE), plogis(-eta, log.p = TRUE))) +
    as.numeric(determinant(crossprod(x * sqrt(w)))$modulus) / 2
}
firth <- function(x, y) {
  beta <- numeric(ncol(x))
  for (round in 1:5000) {
    w <- plogis(drop(x %*% beta)) * plogis(-drop(x %*% beta))
    h <- rowSums((x * sqrt(w)) %*% solve(crossprod(x * sqrt(w))) * (x * sqrt(w)))
    fit <- suppressWarnings(glm.fit(
      rbind(x, x), c(y, 1 - y), weights = c(1 + h / 2, h / 2), family = binomial(),
      control = glm.control(epsilon = 1e-15, maxit = 200)))
    new <- unname(fit$coefficients)
    done <- max(abs(new - beta)) < 1e-13
    beta <- new
    if (done) break
  }
  w <- plogis(drop(x %*% beta)) * plogis(-drop(x %*% beta))
  list(beta = beta, se = sqrt(diag(solve(crossprod(x * sqrt(w))))), loglik = penalised(x, y, beta))
}
# With coefficients held, only the maximum itself is needed, and a general optimiser finds it.
profile <- function(x, y, held, at, start) {
  free <- setdiff(seq_len(ncol(x)), held)
  whole <- function(b) { beta <- start; beta[held] <- at; beta[free] <- b; beta }
  if (!length(free)) return(list(loglik = penalised(x, y, whole(numeric(0))), beta = whole(numeric(0))))
  best <- nlminb(start[free], function(b) -penalised(x, y, whole(b)),
                 control = list(rel.tol = 1e-15, x.tol = 1e-14, iter.max = 1000, eval.max = 5000))
  list(loglik = -best$objective, beta = whole(best$par))
}
analyse <- function(x, y) {
  x <- cbind(1, x); fit <- firth(x, y); crit <- qchisq(0.95, 1) / 2
  columns <- lapply(2:ncol(x), function(k) {
    bound <- function(direction) {
      last <- fit$beta
      gap <- function(b) {
        found <- profile(x, y, k, b, last); last <<- found$beta
        found$loglik - fit$loglik + crit
      }
      reach <- 1
      while (gap(fit$beta[k] + direction * reach * fit$se[k]) > 0) reach <- reach + 0.5
      ends <- sort(fit$beta[k] + direction * c(reach - 1, reach) * fit$se[k])
      uniroot(gap, ends, tol = 1e-13)$root
    }
    list(estimate = fit$beta[k], se = fit$se[k], low = bound(-1), high = bound(1),
         statistic = 2 * (fit$loglik - profile(x, y, k, 0, fit$beta)$loglik))
  })
  all <- 2:ncol(x)
  list(intercept = fit$beta[1], loglik = fit$loglik, columns = columns,
       joint = 2 * (fit$loglik - profile(x, y, all, rep(0, length(all)), fit$beta)$loglik))
}
# Endometrial cancer, Heinze & Schemper (2002, Stat. Med. 21:2409); data as in Agresti (2015),
# Foundations of Linear and Generalized Linear Models.
nv <- c(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1, 1, 0, 1, 0)
pi <- c(13, 16, 8, 34, 20, 5, 17, 10, 26, 17, 8, 7, 20, 10, 18, 16, 18, 8, 29, 12, 20, 38, 22, 7,
    25, 15, 7, 28, 11, 19, 10, 10, 18, 14, 21, 11, 17, 25, 16, 19, 15, 33, 24, 48, 12, 19, 2,
    22, 40, 5, 0, 21, 15, 29, 15, 12, 3, 20, 23, 12, 22, 42, 15, 13, 14, 19, 12, 13, 10, 12,
    49, 6, 5, 17, 11, 21, 5, 19, 33)
eh <- c(1.64, 2.26, 3.14, 2.68, 1.28, 2.31, 1.8, 1.68, 1.56, 2.31, 2.01, 1.89, 3.15, 1.23, 1.27,
    1.76, 2, 2.64, 0.88, 1.27, 1.37, 0.97, 1.14, 0.88, 0.91, 0.58, 0.97, 1.5, 1.33, 2.37, 1.82,
    3.13, 1.31, 1.92, 1.64, 2.01, 1.88, 1.93, 2.11, 1.29, 1.72, 0.75, 1.92, 1.84, 1.11, 1.61,
    1.18, 1.44, 1.18, 0.93, 1.17, 1.19, 1.06, 2.02, 2.29, 2.33, 2.9, 1.7, 1.41, 2.25, 1.54,
    1.97, 1.75, 2.16, 2.57, 1.37, 3.61, 2.04, 2.17, 1.69, 0.27, 1.84, 1.3, 0.96, 1.01, 0.98,
    0.35, 1.02, 0.85)
hg <- c(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1)
i <- 1:139
size <- (i * 7 + i %/% 5) %% 5
maturity <- (i * 3 + i %/% 4) %% 4
industry <- (i * 11 + i %/% 3) %% 3
rare <- as.integer((i * 13) %% 17 == 0 & size >= 1 | i %% 31 == 0)
level <- pmin(size, 2)
separated <- as.integer(level == 2 & i %% 2 == 0)
result <- list(
  data = list(size = size, maturity = maturity, industry = industry, rare = rare,
              separated = separated, level = level),
  single = analyse(cbind(size), rare),
  several = analyse(cbind(size, maturity, industry == 1, industry == 2), rare),
  industry_given_others = {
    x <- cbind(1, size, maturity, industry == 1, industry == 2)
    fit <- firth(x, rare)
    2 * (fit$loglik - profile(x, rare, 4:5, c(0, 0), fit$beta)$loglik)
  },
  separated = analyse(cbind(level), separated),
  endometrial = list(data = list(NV = nv, PI = pi, EH = eh, HG = hg),
                     fit = analyse(cbind(nv, pi, eh), hg)))
write_json(result, "tests/oracle/logistic.json", digits = NA, auto_unbox = TRUE, pretty = TRUE)
