# Reference values for tests/test_ordinal_mixed.py.  Rscript tests/oracle/ordinal_mixed.R
# ordinal::clmm with adaptive quadrature, and ordinal::clm for all respondents of one level.
suppressPackageStartupMessages({ library(ordinal); library(jsonlite) })
ratings <- fromJSON("tests/oracle/ranks.json")$gaps
d <- data.frame(id = factor(rep(1:60, 6)), object = factor(rep(1:6, each = 60)), y = c(ratings))
d <- d[!is.na(d$y), ]; d$o <- ordered(d$y)
m <- clmm(o ~ object + (1 | id), data = d, nAGQ = 41,
          control = clmm.control(gradTol = 1e-10, maxIter = 500))
alone <- clm(o ~ object, data = d, control = clm.control(gradTol = 1e-12))
# The last row and column are those of the logarithm of sigma.
write_json(list(coefficients = unname(coef(m)), sigma = unname(m$ST$id[1, 1]),
                covariance = unname(vcov(m)), log_likelihood = c(logLik(m)),
                alone = c(logLik(alone))),
           "tests/oracle/ordinal_mixed.json", digits = NA, auto_unbox = TRUE)
