"""Allô Mairie: the telephone switchboard of a French town hall."""
