"""Everything that speaks to Asterisk; no raw ARI or AMI message passes this package."""
