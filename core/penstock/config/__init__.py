"""Configuration: from files, environment and command line to the validated values of ``models``.

The way through it: ``environment`` and ``yaml_source`` read text into ``Node`` trees that know where everything was
written; ``aliases`` and ``interpolate`` make one vocabulary of them; ``connection``, ``sink`` and ``mapping`` turn the
trees into settings by way of ``validation``; ``load`` puts it all together.
"""
