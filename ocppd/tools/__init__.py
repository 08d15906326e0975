"""Tools for people and tests; they use the public interface alone."""
