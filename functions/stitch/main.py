"""Join the segments of all pieces into those of the asset, and commit them."""

from functions.hosts import framework, function

stitch = framework.serve("stitch")
app = function.serve("stitch")
