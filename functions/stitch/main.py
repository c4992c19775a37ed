"""Join the segments of all pieces into those of the asset, and commit them."""

from functions.hosts.http import serve

stitch = serve("stitch")
