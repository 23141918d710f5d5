# Reference values for tests/test_ordinal_repeated.py.  Rscript tests/oracle/ordinal_repeated.R
# Estimates from ordinal::clm, clustered covariance from sandwich::vcovCL. geepack::ordgee diverges on
# these five levels; where it does fit, at two levels, it gives the same as both.
suppressPackageStartupMessages({ library(geepack); library(ordinal); library(sandwich); library(jsonlite) })
ratings <- fromJSON("tests/oracle/ranks.json")$gaps
d <- data.frame(id = rep(1:60, 6), object = factor(rep(1:6, each = 60)), y = c(ratings))
d$x <- ((d$id * 7 + as.integer(d$object) * 5) %% 9) / 4
d$x[(d$id * as.integer(d$object)) %% 17 == 0] <- NA
d <- d[order(d$id), ]
tight <- clm.control(gradTol = 1e-12, maxIter = 200)
fitted_model <- function(formula, data) {
  m <- clm(formula, data = data, control = tight)
  v <- vcovCL(m, cluster = data$id, type = "HC0", cadjust = FALSE)
  list(coefficients = unname(coef(m)), naive = unname(vcov(m)), clustered = unname(v))
}
rated <- d[!is.na(d$y), ]; rated$o <- ordered(rated$y)
known <- rated[!is.na(rated$x), ]
two <- rated; two$o <- ordered(as.integer(two$y >= 4))
gee <- ordgee(o ~ object, id = id, data = two, corstr = "independence",
              control = geese.control(epsilon = 1e-14, maxit = 200))
wide <- reshape(d[, c("id", "object", "x")], idvar = "id", timevar = "object", direction = "wide")
write_json(list(
  x = unname(as.matrix(wide[order(wide$id), -1])),
  objects = fitted_model(o ~ object, rated), both = fitted_model(o ~ object + x, known),
  binary = list(coefficients = unname(gee$beta), clustered = unname(gee$vbeta))),
  "tests/oracle/ordinal_repeated.json", digits = NA, auto_unbox = TRUE, na = "null")
